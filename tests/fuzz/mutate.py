"""Mutations without a fuzzing engine, reproducible from a seed: for machines that have no atheris."""

from random import Random

TOKENS = [
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"'", b"- ", b"\n", b"\t", b"? ", b"|\n", b"#", b"%", b"-1",
    b"&a ", b"*a", b"!x ", b"<<: ", b"---\n", b"NaN", b"null", b"true", b"1e999", b"9" * 25,
    b"\\ud800", b"\\u0000", b"\xff", b"\x00", b"\xef\xbb\xbf", b"\r\n",
]  # fmt: skip


def mutate(random: Random, seeds: list[bytes], most: int = 4000) -> bytes:
    """Return a seed changed in a few places, and cut or doubled at times."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 8)):
        at = random.randint(0, len(data))
        kind = random.randint(0, 5)
        if kind == 0:
            data[at:at] = random.choice(TOKENS) * random.choice([1, 1, 1, 60])
        elif kind == 1:
            del data[at : at + random.randint(1, 12)]
        elif kind == 2 and at < len(data):
            data[at] = random.randrange(256)
        elif kind == 3:
            other = random.choice(seeds)
            begin = random.randint(0, len(other))
            data[at:at] = other[begin : begin + random.randint(1, 60)]
        elif kind == 4:
            data[at:at] = data[at : at + random.randint(1, 40)]
        else:
            data[at : at + 3] = str(random.randint(-(2**66), 2**66)).encode()
    return bytes(data[:most])

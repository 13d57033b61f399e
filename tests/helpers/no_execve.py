"""`python -m tests.helpers.no_execve ARGUMENT...`: the supervisor in a process that can start no program (seccomp)."""

import ctypes
import struct
import subprocess
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, EPERM = 0x7FFF0000, 0x00050001
EXECVE = (59, 322)
"""execve and execveat of x86_64."""


def forbid_programs() -> None:
    """Let execve fail with EPERM in this process, and in all that it forks."""
    code = [(LOAD, 0, 0, 0), *((EQUAL, len(EXECVE) - place, 0, number) for place, number in enumerate(EXECVE))]
    code += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, EPERM)]
    packed = b"".join(struct.pack("HBBI", *row) for row in code)
    buffer = ctypes.create_string_buffer(packed)
    program = struct.pack("HL", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0):
        sys.exit(f"seccomp: errno {ctypes.get_errno()}")
    try:
        subprocess.run(["/bin/true"], check=True)
    except PermissionError:
        return
    sys.exit("the filter holds nothing back")


if __name__ == "__main__":
    from flows.cli import _run

    forbid_programs()
    sys.exit(_run(sys.argv[1:]))

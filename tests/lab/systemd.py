"""A machine of the lab whose process 1 is a real systemd, over a copy-on-write view of this one."""

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.lab.node import Node, until
from tests.lab.places import PREFIX, STATE, LabUnavailableError

SYSTEMD = Path("/lib/systemd/systemd")
HIDDEN = (
    "systemd-(udev|networkd|timesyncd|resolved|logind|modules|sysctl|tmpfiles|random|update|boot|pcr|hwdb|binfmt|firstboot"
    "|sysusers|remount|machine|journal-flush|journal-catalog)|postgres|getty|console-getty|dev-|sys-|proc-|apt|fstrim|e2scrub"
    "|man-db|dpkg|cron|ssh|rc-local"
)
"""Units of this machine that a test has no use for."""
BOOT = """set -e; mkdir -p {folder}/u {folder}/w {folder}/root; R={folder}/root
mount -t overlay -o lowerdir=/,upperdir={folder}/u,workdir={folder}/w overlay $R
mount -t overlay -o ro,lowerdir={prefix}/usr:/usr overlay $R/usr
mount -t proc proc $R/proc; mount --rbind /sys $R/sys; mount --rbind /dev $R/dev
mount -t tmpfs tmpfs $R/run; mkdir $R/run/lock $R/run/sshd; mount -t tmpfs tmpfs $R/tmp
mkdir -p $R{state}; mount --bind {state} $R{state}
cp /etc/passwd /etc/group /etc/shadow $R/etc/
umount -R $R/sys/fs/cgroup; mount -t cgroup2 none $R/sys/fs/cgroup
rm -rf $R/etc/systemd/system/*; : > $R/etc/fstab
for u in $(ls $R/usr/lib/systemd/system | grep -E '^({hidden})'); do ln -sf /dev/null $R/etc/systemd/system/$u; done
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\nWants=dbus.socket\\n' > $R/etc/systemd/system/lab.target
cd $R; mkdir -p oldroot; pivot_root . oldroot; umount -l /oldroot
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=lab.target --log-target=null --show-status=0
"""


def why_no_systemd() -> str | None:
    """Return why this machine cannot hold a node with systemd; None where it can."""
    if not SYSTEMD.exists() or not Path("/usr/bin/dbus-daemon").exists():
        return "needs the packages systemd and dbus"
    return None if _cgroups() else "needs cgroups of version 2"


def _cgroups() -> Path | None:
    tops = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
    return next(
        (top for top in tops if (top / "cgroup.procs").exists() and (top / "cgroup.controllers").exists()), None
    )


class SystemdNode(Node):
    """`with SystemdNode(9) as node: node.unit("web.service", ...)`; the number must be no engine node's."""

    def power_on(self) -> None:
        """Start it, and wait until its manager answers."""
        top = _cgroups()
        if top is None:
            raise LabUnavailableError(why_no_systemd() or "")
        self._cgroup = top / f"lab-{self.name}-{id(self)}"
        self._cgroup.mkdir()
        script = BOOT.format(folder=self.folder, prefix=PREFIX, state=STATE, hidden=HIDDEN)
        join = f'echo $$ > {self._cgroup}/cgroup.procs; exec unshare -mnpfiuC --mount-proc --kill-child bash -c "$1"'
        self._boot(["bash", "-c", join, "boot", script])
        until(
            lambda: self.systemctl("is-active", "basic.target") == "active",
            15,
            f"{self.name}'s systemd; see {self._log}",
        )

    def systemctl(self, *argv: str) -> str:
        """Return what systemctl prints on the node."""
        return subprocess.run(
            self.command("systemctl", *argv), capture_output=True, text=True, check=False
        ).stdout.strip()

    def unit(self, name: str, text: str, *, is_started: bool = True) -> None:
        """Write a unit file, in lines of `Section.Key=Value`, and start it where that is wanted."""
        sections: dict[str, list[str]] = {}
        for line in text.split("; "):
            section, _, setting = line.partition(".")
            sections.setdefault(section, []).append(setting)
        content = "".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in sections.items())
        path = Path("/proc", str(self.init), "root/etc/systemd/system", name)
        path.write_text(content)
        self.systemctl("daemon-reload")
        if is_started:
            self.systemctl("start", "--no-block", name)

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()
        with suppress(OSError):
            for folder in sorted(self._cgroup.glob("**/"), reverse=True):
                folder.rmdir()
        self.forget()

"""A network of our own, for this process and those it starts, which ends with them.

In there TCP can be told which congestion control to use, and the machine's own setting stays as it is.
"""

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

CONGESTION = Path("/proc/sys/net/ipv4/tcp_congestion_control")
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40


class Network:
    """The congestion control of the rows: the machine's, and reno where it could be had."""

    def __init__(self):
        self.default = CONGESTION.read_text().strip()
        self.own = permitted()
        if self.own:
            leave()

    def use(self, row):
        """Sets what the row asks for, and tells what there is."""
        wanted = "reno" if row.reno else self.default
        if self.own:
            CONGESTION.write_text(wanted)
        return CONGESTION.read_text().strip()


def permitted():
    """Tries all of it in a process of its own: half of it would leave us with no network at all."""
    trial = os.fork()
    if trial == 0:
        try:
            leave()
            CONGESTION.write_text("reno")
            os._exit(0)
        finally:
            os._exit(1)  # whatever went wrong: there must not be two of us
    return os.waitpid(trial, 0)[1] == 0


def leave():
    """Into a new network namespace, with a new user namespace if need be."""
    before = os.readlink("/proc/self/ns/net")
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    assert os.readlink("/proc/self/ns/net") != before, "the settings would be the machine's"
    up("lo")
    # Ten thousand connections, and those that linger after them, from one address.
    PORTS.write_text("1024 65535")


def up(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh", name.encode(), IFF_UP | IFF_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, asked)

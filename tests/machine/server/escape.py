"""What root of a server might try to get out of it or at the machine, each with a line `NAME = ok` or `NAME = ERRNO`.

The words are the number of a process that is not its own, and the name of an abstract socket of the main server's.
"""
import ctypes, errno, os, socket, stat, struct, sys, time

libc = ctypes.CDLL(None, use_errno=True)
foreign, listener = int(sys.argv[1]), sys.argv[2]
# Where the main server has devices live: not in /tmp.
work = "/root/escape-%d" % os.getpid()
os.mkdir(work)

AT_FDCWD = -100
CLONE = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}
SYS = {"ptrace": 101, "syslog": 103, "acct": 163, "swapon": 167, "iopl": 172,
       "init_module": 175, "delete_module": 176, "reboot": 169, "kexec_load": 246, "perf_event_open": 298,
       "open_by_handle_at": 304, "name_to_handle_at": 303, "setns": 308, "process_vm_readv": 310, "finit_module": 313,
       "bpf": 321, "open_tree": 428, "fsopen": 430, "pidfd_open": 434, "mount_setattr": 442}


def call(name, *arguments):
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = libc.syscall(ctypes.c_long(SYS[name]), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def c(function, *arguments):
    if getattr(libc, function)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), function)


def mount(kind, flags=0, source=b"none", target=None):
    c("mount", source, (target or work).encode(), kind, ctypes.c_ulong(flags), None)


def node(kind, major, minor):
    path = "%s/%d-%d" % (work, major, minor)
    os.mknod(path, kind | 0o600, os.makedev(major, minor))
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


def write(path, text=None):
    """What is there already, so that where it works nothing changes."""
    content = open(path).read() if text is None else text
    with open(path, "w") as file:
        file.write(content)


def namespace(kind):
    descriptor = os.open("/proc/%d/ns/%s" % (foreign, kind), os.O_RDONLY)
    call("setns", descriptor, CLONE[kind])


def by_handle():
    """A directory by its number alone, as 2003's capabilities allowed for every file of the file system."""
    path = b"/vservers" if os.path.exists("/vservers") else b"/"
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    call("name_to_handle_at", AT_FDCWD, path, handle, ctypes.byref(ctypes.c_int()), 0)
    os.close(call("open_by_handle_at", os.open(path, os.O_RDONLY), handle, os.O_RDONLY))


def system_request():
    """What stands in its place in a server takes everything and does nothing."""
    if stat.S_ISCHR(os.stat("/proc/sysrq-trigger").st_mode):
        raise OSError(errno.ENXIO, "a null device")
    write("/proc/sysrq-trigger", "h")


def chroot_out():
    """A root below the present one, with a directory above it still open."""
    above = os.open("/", os.O_RDONLY)
    os.mkdir(work + "/jail")
    os.chroot(work + "/jail")
    os.fchdir(above)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    if not os.path.exists("/src/machine"):
        raise OSError(errno.ENOENT, "the main server's files")


def user_namespace():
    """To make one is nobody's harm; to have capabilities in it would open half of the kernel."""
    c("unshare", CLONE["user"] | CLONE["mnt"])
    mount(b"tmpfs")


def unix():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + listener)


def raw_disk():
    first = open("/proc/partitions").read().split("\n")[2].split()
    node(0o060000, int(first[0]), int(first[1]))


def module(name):
    """An image that is none: whoever may load modules is told so."""
    call(name, ctypes.create_string_buffer(b"no module", 16), 16, b"")


attempts = {
    "mount a tmpfs": lambda: mount(b"tmpfs"),
    "mount a proc": lambda: mount(b"proc"),
    "mount a sysfs": lambda: mount(b"sysfs"),
    "mount a cgroup2": lambda: mount(b"cgroup2"),
    "mount a devtmpfs": lambda: mount(b"devtmpfs"),
    "mount a bpf": lambda: mount(b"bpf"),
    "bind": lambda: mount(None, 4096, b"/"),
    "let devices live": lambda: mount(None, 4096 | 32, b"none", "/"),
    "uncover what is hidden": lambda: c("umount2", b"/proc/sysrq-trigger", 2),
    "fsopen": lambda: call("fsopen", b"tmpfs", 0),
    "open_tree": lambda: call("open_tree", AT_FDCWD, b"/", 1),
    "mount_setattr": lambda: call("mount_setattr", AT_FDCWD, b"/proc", 0, ctypes.create_string_buffer(32), 32),
    "make and open a disk": raw_disk,
    "make and open the memory": lambda: node(0o020000, 1, 1),
    "make and open the kernel's log": lambda: node(0o020000, 1, 11),
    "chroot and out": chroot_out,
    "another's root": lambda: os.listdir("/proc/%d/root" % foreign),
    "another's directory": lambda: os.chdir("/proc/%d/cwd/" % foreign),
    "another's environment": lambda: open("/proc/%d/environ" % foreign).read(),
    "another's memory": lambda: open("/proc/%d/mem" % foreign).close(),
    "process 1's root": lambda: os.stat("/proc/1/root/src/machine"),
    "trace another": lambda: call("ptrace", 0x4206, foreign, 0, 0),
    "a descriptor for another": lambda: call("pidfd_open", foreign, 0),
    "signal another": lambda: os.kill(foreign, 0),
    **{"another's %s namespace" % kind: (lambda kind=kind: namespace(kind)) for kind in ("mnt", "pid", "net", "ipc", "uts", "cgroup")},
    **{"a new %s namespace" % kind: (lambda kind=kind: c("unshare", CLONE[kind])) for kind in CLONE if kind != "user"},
    "power in a new user namespace": user_namespace,
    "control group: limits": lambda: write("/sys/fs/cgroup/cgroup.max.depth"),
    "control group: a new one": lambda: os.mkdir("/sys/fs/cgroup/escape-%d" % os.getpid()),
    "control group: processes": lambda: write("/sys/fs/cgroup/cgroup.procs", "0"),
    "the core pattern": lambda: write("/proc/sys/kernel/core_pattern"),
    "the modprobe program": lambda: write("/proc/sys/kernel/modprobe"),
    "overcommit": lambda: write("/proc/sys/vm/overcommit_memory"),
    "a switch in /sys": lambda: write("/sys/kernel/rcu_expedited"),
    "a device's events": lambda: write("/sys/class/net/lo/uevent", "change"),
    "interrupts": lambda: write("/proc/irq/default_smp_affinity"),
    "the system request key": system_request,
    "load a module": lambda: module("init_module"),
    "unload a module": lambda: call("delete_module", b"nonesuch", 0),
    "the machine's restart": lambda: call("reboot", 0xfee1dead, 672274793, 0, None),
    "load another kernel": lambda: call("kexec_load", 0, 0, None, 0),
    "swap": lambda: call("swapon", b"/nonesuch", 0),
    "accounting": lambda: call("acct", None),
    "the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "ports": lambda: call("iopl", 3),
    "the kernel's messages": lambda: call("syslog", 3, ctypes.create_string_buffer(64), 64),
    "a program in the kernel": lambda: call("bpf", 0, ctypes.create_string_buffer(struct.pack("IIIIQ", 2, 4, 4, 1, 0), 72), 72),
    "an event of all": lambda: call("perf_event_open", ctypes.create_string_buffer(struct.pack("IIQ", 1, 128, 0), 128), -1, 0, -1, 0),
    "a file by its handle": by_handle,
    "a socket of the main server's": unix,
}


def attempt(work):
    """In a child, for many of them change what the next one would meet."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer = "ok"
        # Where this is allowed, what one attempt mounts is nothing to the next.
        if libc.unshare(CLONE["mnt"]) == 0:
            mount(None, 1 << 18 | 16384, b"none", "/")
        try:
            work()
        except OSError as failure:
            answer = errno.errorcode.get(failure.errno, str(failure.errno))
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 64).decode()
    os.close(reader)
    os.waitpid(child, 0)
    return answer


for name, work_of in attempts.items():
    print("%s = %s" % (name, attempt(work_of)), flush=True)

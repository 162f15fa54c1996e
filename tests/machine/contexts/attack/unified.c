/* Every way to change a regular file, in contents or in what is known of it. Its path is given as the procfs of others.
 *
 * Beside it stand FILE.mine, with the same contents, and FILE.socket, where `attack hand FILE` gives a descriptor open for
 * writing to whoever asks; beside its directory the empty directories lower, work and over. */
#include "attack.h"
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* Not <sys/mount.h>, which knows the same names as <linux/fs.h>. */
int mount(const char *, const char *, const char *, unsigned long, const void *);

/* Newer than these headers. */
#define SYS_fchmodat2_ 452
#define SYS_setxattrat_ 463
#define SYS_file_getattr_ 468
#define SYS_file_setattr_ 469
#define BTRFS_IOC_DEFRAG_ 0x50009402

struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id;
};
static const struct {
	uint32_t version;
	struct acl_entry entries[5];
} list = {2, {{1, 6, ~0u}, {2, 4, 1}, {4, 4, ~0u}, {0x10, 4, ~0u}, {0x20, 4, ~0u}}};

/* Does `act` with a descriptor opened that way. */
static int opened(const char *path, int flags, int (*act)(int))
{
	int descriptor = open(path, flags, 0600), result;

	if (descriptor < 0)
		return -errno;
	result = act ? act(descriptor) : 0;
	close(descriptor);
	return result;
}

static int write_byte(int descriptor)
{
	return TRY(pwrite(descriptor, "!", 1, 5));
}

#define ATTEMPT(name, expression)                  \
	static int name(const struct target *t) \
	{                                          \
		(void)t;                           \
		return expression;                 \
	}
#define PATH (t->proc)
/* By a descriptor open for reading. */
#define READING(name, expression)                              \
	static int name##_of(int fd)                           \
	{                                                      \
		return expression;                             \
	}                                                      \
	ATTEMPT(name, opened(PATH, O_RDONLY, name##_of))
/* By one open for both. */
#define WRITING(name, expression)                              \
	static int name##_of(int fd)                           \
	{                                                      \
		return expression;                             \
	}                                                      \
	ATTEMPT(name, opened(PATH, O_RDWR, name##_of))

ATTEMPT(open_write, opened(PATH, O_WRONLY, write_byte))
ATTEMPT(open_both, opened(PATH, O_RDWR, write_byte))
ATTEMPT(open_append, opened(PATH, O_WRONLY | O_APPEND, write_byte))
ATTEMPT(open_create, opened(PATH, O_WRONLY | O_CREAT, write_byte))
ATTEMPT(open_direct, opened(PATH, O_WRONLY | O_DIRECT, NULL))
ATTEMPT(open_truncate, opened(PATH, O_WRONLY | O_TRUNC, NULL))
ATTEMPT(read_truncate, opened(PATH, O_RDONLY | O_TRUNC, NULL))
ATTEMPT(truncate_path, TRY(truncate(PATH, 4096)))
WRITING(truncate_open, TRY(ftruncate(fd, 8192)))
WRITING(allocate, TRY(fallocate(fd, 0, 0, 1 << 17)))
WRITING(punch, TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096)))

static int by_openat2(const struct target *t)
{
	struct open_how how = {.flags = O_RDWR};
	long fd = syscall(SYS_openat2, AT_FDCWD, PATH, &how, sizeof how);

	return fd < 0 ? -errno : close((int)fd);
}

static int by_handle(const struct target *t)
{
	struct {
		struct file_handle head;
		char bytes[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	int unused, fd, on = open(PATH, O_RDONLY);

	if (name_to_handle_at(AT_FDCWD, PATH, &handle.head, &unused, 0) < 0)
		return -errno;
	fd = open_by_handle_at(on, &handle.head, O_RDWR);
	close(on);
	return fd < 0 ? -errno : close(fd);
}

static int again(int fd)
{
	char name[64];

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	return opened(name, O_RDWR, write_byte);
}
ATTEMPT(by_proc, opened(PATH, O_RDONLY, again))
ATTEMPT(by_path_descriptor, opened(PATH, O_PATH, again))

static char *low(const char *path)
{
	return strcpy(low_memory(), path);
}
static int open32(const struct target *t)
{
	int fd = (int)call32(5, (long)low(PATH), O_RDWR, 0, 0, 0);

	return fd < 0 ? fd : close(fd);
}
ATTEMPT(truncate32, (int)call32(92, (long)low(PATH), 4096, 0, 0, 0))
ATTEMPT(chmod32, (int)call32(15, (long)low(PATH), 0640, 0, 0, 0))

static int map(int fd)
{
	char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	memory[9] = '!';
	return TRY(munmap(memory, 4096));
}
WRITING(map_shared, map(fd))

static int map_late(int fd)
{
	char *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED || mprotect(memory, 4096, PROT_READ | PROT_WRITE) < 0)
		return -errno;
	memory[9] = '!';
	return TRY(munmap(memory, 4096));
}
WRITING(map_protected, map_late(fd))

/* What FILE.mine holds, to be put into it. */
static int mine(const struct target *t)
{
	char name[256];

	snprintf(name, sizeof name, "%s.mine", PATH);
	return open(name, O_RDONLY);
}

static int from_mine(const struct target *t, int way)
{
	int from = mine(t), to = open(PATH, O_RDWR), result = to < 0 || from < 0 ? -errno : 0;

	if (result == 0 && way == 0)
		result = TRY(ioctl(to, FICLONE, from));
	if (result == 0 && way == 1)
		result = TRY(copy_file_range(from, NULL, to, NULL, 4096, 0));
	if (result == 0 && way == 2)
		result = TRY(sendfile(to, from, NULL, 4096));
	close(from);
	close(to);
	return result;
}
ATTEMPT(reflink_into, from_mine(t, 0))
ATTEMPT(copy_into, from_mine(t, 1))
ATTEMPT(send_into, from_mine(t, 2))

/* Needs no descriptor for writing. */
static int dedupe_into(const struct target *t)
{
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info;
	} request = {.range = {.src_length = 4096, .dest_count = 1}};
	int from = mine(t), to = open(PATH, O_RDONLY), result;

	request.info.dest_fd = to;
	result = TRY(ioctl(from, FIDEDUPERANGE, &request));
	close(from);
	close(to);
	return result < 0 ? result : request.info.status < 0 ? request.info.status : 0;
}

ATTEMPT(change_mode, TRY(chmod(PATH, 0640)))
ATTEMPT(change_mark, TRY(chmod(PATH, 01600)))
READING(change_mode_open, TRY(fchmod(fd, 0604)))
ATTEMPT(change_mode_at2, TRY(syscall(SYS_fchmodat2_, AT_FDCWD, PATH, 0640, AT_SYMLINK_NOFOLLOW)))
ATTEMPT(change_owner, TRY(chown(PATH, getuid(), getgid())))
ATTEMPT(change_link_owner, TRY(lchown(PATH, getuid(), getgid())))
READING(change_owner_open, TRY(fchown(fd, getuid(), getgid())))
ATTEMPT(change_times, TRY(utimensat(AT_FDCWD, PATH, NULL, 0)))
READING(change_times_open, TRY(futimens(fd, (struct timespec[]){{1, 0}, {2, 0}})))

ATTEMPT(set_attribute, TRY(setxattr(PATH, "user.new", "x", 1, 0)))
ATTEMPT(set_link_attribute, TRY(lsetxattr(PATH, "user.new", "y", 1, 0)))
READING(set_attribute_open, TRY(fsetxattr(fd, "user.new", "z", 1, 0)))
ATTEMPT(remove_attribute, TRY(removexattr(PATH, "user.there")))
READING(remove_attribute_open, TRY(fremovexattr(fd, "user.new")))
ATTEMPT(set_acl, TRY(setxattr(PATH, "system.posix_acl_access", &list, sizeof list, 0)))
READING(set_acl_open, TRY(fsetxattr(fd, "system.posix_acl_access", &list, sizeof list, 0)))
ATTEMPT(remove_acl, TRY(removexattr(PATH, "system.posix_acl_access")))

static int set_attribute_at(const struct target *t)
{
	struct {
		uint64_t value;
		uint32_t size, flags;
	} how = {(uintptr_t) "x", 1, 0};

	return TRY(syscall(SYS_setxattrat_, AT_FDCWD, PATH, 0, "user.at", &how, sizeof how));
}

static int set_flags(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return -errno;
	flags ^= FS_NOATIME_FL;
	return TRY(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}
READING(set_flags_open, set_flags(fd))

static int set_flags32(int fd)
{
	int *flags = low_memory();

	if (ioctl(fd, FS_IOC_GETFLAGS, flags) < 0)
		return -errno;
	return (int)call32(54, fd, FS_IOC32_SETFLAGS, (long)flags, 0, 0);
}
READING(set_flags_32, set_flags32(fd))

static int set_project(int fd)
{
	struct fsxattr attributes;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0)
		return -errno;
	attributes.fsx_xflags ^= FS_XFLAG_NODUMP;
	return TRY(ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
}
READING(set_project_open, set_project(fd))

static int by_file_setattr(const struct target *t)
{
	struct {
		uint64_t flags;
		uint32_t words[4];
	} attributes;

	if (syscall(SYS_file_getattr_, AT_FDCWD, PATH, &attributes, sizeof attributes, 0) < 0)
		return -errno;
	attributes.flags ^= FS_XFLAG_NODUMP;
	return TRY(syscall(SYS_file_setattr_, AT_FDCWD, PATH, &attributes, sizeof attributes, 0));
}

READING(set_version, TRY(ioctl(fd, FS_IOC_SETVERSION, &(int){7})))
READING(defragment, TRY(ioctl(fd, BTRFS_IOC_DEFRAG_, NULL)))

static int verity(int fd)
{
	struct fsverity_enable_arg how = {.version = 1, .hash_algorithm = 1, .block_size = 4096};

	return TRY(ioctl(fd, FS_IOC_ENABLE_VERITY, &how));
}
READING(enable_verity, verity(fd))

static int lease(int fd, int kind)
{
	int result = TRY(fcntl(fd, F_SETLEASE, kind));

	fcntl(fd, F_SETLEASE, F_UNLCK);
	return result;
}
READING(lease_write, lease(fd, F_WRLCK))
READING(lease_read, lease(fd, F_RDLCK))

ATTEMPT(ring_call, ring_open(PATH, O_RDWR, 0, 0))
ATTEMPT(ring_worker, ring_open(PATH, O_RDWR, 0, IOSQE_ASYNC))
ATTEMPT(ring_poller, ring_open(PATH, O_RDWR, IORING_SETUP_SQPOLL, 0))

static int ring_attribute(const struct target *t)
{
	struct io_uring_sqe one = {.opcode = IORING_OP_SETXATTR, .len = 1};

	one.addr = (uintptr_t) "user.ring";
	one.addr2 = (uintptr_t) "x";
	one.addr3 = (uintptr_t)PATH;
	return ring_request(&one, 0);
}

static int ring_attribute_open_of(int fd)
{
	struct io_uring_sqe one = {.opcode = IORING_OP_FSETXATTR, .fd = fd, .len = 1};

	one.addr = (uintptr_t) "user.ring";
	one.addr2 = (uintptr_t) "y";
	return ring_request(&one, 0);
}
ATTEMPT(ring_attribute_open, opened(PATH, O_RDONLY, ring_attribute_open_of))

static int put(const char *path, const char *text)
{
	int descriptor = open(path, O_WRONLY), result = TRY(write(descriptor, text, strlen(text)));

	close(descriptor);
	return result;
}

/* Root of a user namespace of one's own. */
static int become_root(void)
{
	char user[64], group[64];
	int result;

	snprintf(user, sizeof user, "0 %d 1", (int)geteuid());
	snprintf(group, sizeof group, "0 %d 1", (int)getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	result = put("/proc/self/uid_map", user);
	if (result == 0)
		result = put("/proc/self/setgroups", "deny");
	return result == 0 ? put("/proc/self/gid_map", group) : result;
}

/* A file system of one's own whose upper layer is the directory the file is in. */
static int in_overlay(const char *path)
{
	char file[256] = "", directory[256] = "", base[256], data[1024], place[512];
	int result = become_root();

	strncpy(file, path, sizeof file - 1);
	strncpy(directory, path, sizeof directory - 1);
	strcpy(directory, dirname(directory));
	strcpy(base, directory);
	strcpy(base, dirname(base));
	if (result < 0)
		return result;
	snprintf(data, sizeof data, "lowerdir=%s/lower,upperdir=%s,workdir=%s/work,userxattr", base, directory, base);
	snprintf(place, sizeof place, "%s/over", base);
	if (mount("none", place, "overlay", 0, data) < 0)
		return -errno;
	snprintf(place, sizeof place, "%s/over/%s", base, basename(file));
	return opened(place, O_RDWR, write_byte);
}

static int by_overlay(const struct target *t)
{
	int status, child = fork();

	if (child == 0)
		_exit(-in_overlay(PATH));
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

ATTEMPT(swap_on, TRY(swapon(PATH, 0)))

static int account(const struct target *t)
{
	int result = TRY(acct(PATH));

	acct(NULL);
	return result;
}

/* ---- a descriptor on its way from the main server */

struct parcel {
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec vector;
	struct msghdr header;
};

static struct msghdr *parcel(struct parcel *one)
{
	struct cmsghdr *head;

	memset(one, 0, sizeof *one);
	one->vector = (struct iovec){&one->byte, 1};
	one->header = (struct msghdr){.msg_iov = &one->vector, .msg_iovlen = 1, .msg_control = one->room};
	one->header.msg_controllen = sizeof one->room;
	head = CMSG_FIRSTHDR(&one->header);
	*head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	return &one->header;
}

static struct sockaddr_un beside(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "%s.socket", path);
	return address;
}

int hand(const char *path)
{
	struct sockaddr_un address = beside(path);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), to, fd;
	struct parcel one;

	alarm(300);
	signal(SIGPIPE, SIG_IGN);
	unlink(address.sun_path);
	if (bind(listener, (void *)&address, sizeof address) < 0 || chmod(address.sun_path, 0666) < 0 ||
	    listen(listener, 8) < 0)
		return 1;
	puts("listening");
	for (;;) {
		to = accept(listener, NULL, NULL);
		fd = open(path, O_RDWR);
		parcel(&one);
		*(int *)CMSG_DATA(CMSG_FIRSTHDR(&one.header)) = fd;
		sendmsg(to, &one.header, 0);
		close(fd);
		close(to);
	}
}

static int by_received(const struct target *t)
{
	struct sockaddr_un address = beside(PATH);
	int from = socket(AF_UNIX, SOCK_STREAM, 0), fd, result;
	struct parcel one;
	char byte;

	if (connect(from, (void *)&address, sizeof address) < 0)
		return -errno;
	parcel(&one);
	result = TRY(recvmsg(from, &one.header, 0));
	/* Until who gave it has closed its own: fs-verity wants no writer. */
	while (read(from, &byte, 1) > 0)
		;
	close(from);
	if (result < 0)
		return result;
	if (one.header.msg_flags & MSG_CTRUNC || CMSG_FIRSTHDR(&one.header) == NULL)
		return -EPERM;
	fd = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&one.header));
	result = write_byte(fd);
	close(fd);
	return result;
}

const struct attempt unified[] = {
	{"open for writing", open_write},
	{"open for both", open_both},
	{"open for appending", open_append},
	{"open or create", open_create},
	{"open for direct writing", open_direct},
	{"open for writing, truncating", open_truncate},
	{"open for reading, truncating", read_truncate},
	{"truncate", truncate_path},
	{"ftruncate", truncate_open},
	{"fallocate", allocate},
	{"punch a hole", punch},
	{"openat2", by_openat2},
	{"open_by_handle_at", by_handle},
	{"open what /proc/self/fd shows", by_proc},
	{"open what an O_PATH descriptor is of", by_path_descriptor},
	{"32-bit open", open32},
	{"32-bit truncate", truncate32},
	{"32-bit chmod", chmod32},
	{"map for writing", map_shared},
	{"map, then protect for writing", map_protected},
	{"copy_file_range into", copy_into},
	{"sendfile into", send_into},
	{"reflink into", reflink_into},
	{"dedupe into", dedupe_into},
	{"chmod", change_mode},
	{"chmod that keeps the mark", change_mark},
	{"fchmod", change_mode_open},
	{"fchmodat2", change_mode_at2},
	{"chown", change_owner},
	{"lchown", change_link_owner},
	{"fchown", change_owner_open},
	{"utimensat", change_times},
	{"futimens", change_times_open},
	{"setxattr", set_attribute},
	{"lsetxattr", set_link_attribute},
	{"fsetxattr", set_attribute_open},
	{"setxattrat", set_attribute_at},
	{"removexattr", remove_attribute},
	{"fremovexattr", remove_attribute_open},
	{"set an ACL", set_acl},
	{"set an ACL by descriptor", set_acl_open},
	{"remove the ACL", remove_acl},
	{"ioctl SETFLAGS", set_flags_open},
	{"32-bit ioctl SETFLAGS", set_flags_32},
	{"ioctl FSSETXATTR", set_project_open},
	{"ioctl SETVERSION", set_version},
	{"file_setattr", by_file_setattr},
	{"defragment", defragment},
	{"lease for writing", lease_write},
	{"lease for reading", lease_read},
	{"io_uring openat", ring_call},
	{"io_uring openat in a worker", ring_worker},
	{"io_uring openat in a poller", ring_poller},
	{"io_uring setxattr", ring_attribute},
	{"io_uring fsetxattr", ring_attribute_open},
	{"write through an overlay's upper layer", by_overlay},
	{"write by a descriptor that was received", by_received},
	{"swapon", swap_on},
	{"acct", account},
	{"fs-verity", enable_verity},
	{NULL, NULL},
};

/* Every way to take a bpffs away, change it, or cover it. The directory with the pins is given as the procfs of others. */
#include "attack.h"
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Not <sys/mount.h>, which knows the same names as <linux/mount.h>. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
#define MNT_DETACH 2
/* Linux 6.5, which not every C library knows yet. */
#define MOVE_MOUNT_BENEATH 0x00000200

/* The pin of the call, and the mount point of its bpffs: two levels up. */
static char pin[256], other[256], top[256];

static void look_at(const struct target *t)
{
	snprintf(pin, sizeof pin, "%s/call", t->proc);
	snprintf(other, sizeof other, "%s/other", t->proc);
	snprintf(top, sizeof top, "%s", t->proc);
	*strrchr(top, '/') = '\0';
}

/* In a mount namespace of its own: as unshare(2) leaves it, or private. */
static int in_own_mounts(int private, int (*act)(void))
{
	int status, child = fork();

	if (child == 0) {
		if (unshare(CLONE_NEWNS) < 0)
			_exit(errno);
		if (private && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(errno);
		_exit(-act());
	}
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

#define ATTEMPT(function, work)                                   \
	static int function(const struct target *t)                 \
	{                                                          \
		look_at(t);                                        \
		return work;                                       \
	}

static int cover_top(void)
{
	int result = TRY(mount("none", top, "tmpfs", 0, NULL));

	if (result == 0)
		umount2(top, MNT_DETACH);
	return result;
}

static int bind_over(void)
{
	int result = TRY(mount("/tmp", top, NULL, MS_BIND, NULL));

	if (result == 0)
		umount2(top, MNT_DETACH);
	return result;
}

/* The directory the run directory is mounted in: shared with everybody, unless somebody made it private. */
static int cover_run(void)
{
	int result = TRY(mount("none", "/run", "tmpfs", 0, NULL));

	if (result == 0)
		umount2("/run", MNT_DETACH);
	return result;
}

/* Of what is given beside it, mount(2) does only the binding. */
static int bind_with(const char *over, unsigned long flag)
{
	int result = TRY(mount("/tmp", over, NULL, MS_BIND | flag, NULL));

	if (result == 0)
		umount2(over, MNT_DETACH);
	return result;
}

static int bind_with_any_flag(const char *over)
{
	const unsigned long flags[] = {MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE};
	int refused = 0;

	for (int at = 0; at < 4; at++) {
		int result = bind_with(over, flags[at]);

		if (result == 0)
			return 0;
		refused = result;
	}
	return refused;
}

static int bind_over_run(void)
{
	return bind_with_any_flag("/run");
}

static int bind_over_top(void)
{
	return bind_with_any_flag(top);
}

/* The file system's options as they are, asked for in a call that says private. */
static int remount_run(void)
{
	return TRY(mount(NULL, "/run", NULL, MS_REMOUNT | MS_PRIVATE | MS_NOSUID | MS_NODEV, NULL));
}

/* What is beneath appears where it is mounted upon: in / and all its peers, when /run itself is private. */
static int slip_beneath(const char *mount_point)
{
	struct mount_attr private = {.propagation = MS_PRIVATE};
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/tmp", OPEN_TREE_CLONE), result;

	if (tree < 0)
		return -errno;
	mount(NULL, mount_point, NULL, MS_PRIVATE, NULL);
	result = TRY(syscall(SYS_move_mount, tree, "", AT_FDCWD, mount_point, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH));
	if (result == 0) {
		/* What is above goes from here alone, then what is beneath from everywhere. */
		syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &private, sizeof private);
		umount2(mount_point, MNT_DETACH);
		umount2(mount_point, MNT_DETACH);
	}
	close(tree);
	return result;
}

static int slip_beneath_run(void)
{
	return slip_beneath("/run");
}

static int slip_beneath_top(void)
{
	return slip_beneath(top);
}

static int take_away(void)
{
	int result = TRY(umount2(top, MNT_DETACH));

	if (result == 0)
		mount("none", top, "bpf", 0, NULL);
	return result;
}

/* What is mounted on a shared mount is not moved: EINVAL, behind every question of who asks. */
static int asked(int result)
{
	return result == -EINVAL ? 0 : result;
}

static int move_elsewhere(void)
{
	int result;

	mkdir("/tmp/elsewhere", 0755);
	result = TRY(mount(top, "/tmp/elsewhere", NULL, MS_MOVE, NULL));
	if (result == 0)
		mount("/tmp/elsewhere", top, NULL, MS_MOVE, NULL);
	return asked(result);
}

static int move_by_descriptor(void)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, top, 0), result;

	mkdir("/tmp/elsewhere", 0755);
	result = TRY(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp/elsewhere", MOVE_MOUNT_F_EMPTY_PATH));
	if (result == 0)
		mount("/tmp/elsewhere", top, NULL, MS_MOVE, NULL);
	close(tree);
	return asked(result);
}

static int attach_copy(void)
{
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/tmp", OPEN_TREE_CLONE), result;

	if (tree < 0)
		return -errno;
	result = TRY(syscall(SYS_move_mount, tree, "", AT_FDCWD, top, MOVE_MOUNT_F_EMPTY_PATH));
	if (result == 0)
		umount2(top, MNT_DETACH);
	close(tree);
	return result;
}

static int reconfigure(void)
{
	int context = (int)syscall(SYS_fspick, AT_FDCWD, top, 0), result;

	if (context < 0)
		return -errno;
	syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "mode", "0755", 0);
	result = TRY(syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
	close(context);
	return result;
}

static int set_attributes(void)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_NODIRATIME}, back = {.attr_clr = MOUNT_ATTR_NODIRATIME};
	int result = TRY(syscall(SYS_mount_setattr, AT_FDCWD, top, 0, &read_only, sizeof read_only));

	if (result == 0)
		syscall(SYS_mount_setattr, AT_FDCWD, top, 0, &back, sizeof back);
	return result;
}

static int exchange(void)
{
	int result = TRY(renameat2(AT_FDCWD, pin, AT_FDCWD, other, RENAME_EXCHANGE));

	if (result == 0)
		renameat2(AT_FDCWD, pin, AT_FDCWD, other, RENAME_EXCHANGE);
	return result;
}

static int made(int result, const char *path, int is_directory)
{
	if (result == 0 && (is_directory ? rmdir(path) : unlink(path)) < 0)
		return -errno;
	return result;
}

static const char *new_name(void)
{
	static char path[300];

	snprintf(path, sizeof path, "%s/new", top);
	return path;
}

/* One that is empty, and was made on the main server. */
static int remove_directory(void)
{
	char path[300];
	int result;

	snprintf(path, sizeof path, "%s/empty", top);
	result = TRY(rmdir(path));
	if (result == 0)
		mkdir(path, 0700);
	return result;
}

static int remove_and_pin_again(void)
{
	union bpf_attr attributes = {.pathname = (uintptr_t)pin};
	int program = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes);
	int result = TRY(unlink(pin));

	if (result == 0) {
		attributes = (union bpf_attr){.pathname = (uintptr_t)pin, .bpf_fd = (uint32_t)program};
		syscall(SYS_bpf, BPF_OBJ_PIN, &attributes, sizeof attributes);
	}
	close(program);
	return result;
}

static int rename_and_back(void)
{
	int result = TRY(rename(pin, new_name()));

	if (result == 0)
		rename(new_name(), pin);
	return result;
}

/* A descriptor of a pin beside the call. */
static int open_beside(const char *name)
{
	char path[300];
	union bpf_attr attributes = {.pathname = (uintptr_t)path};

	snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(pin, '/') - pin), pin, name);
	return (int)syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes);
}

/* The page where the reader of a ring notes how far it has come: written to, it reads nothing any more. */
static int write_in_ring(const char *name)
{
	int ring = open_beside(name), result = 0;
	void *consumer;

	if (ring < 0)
		return -errno;
	consumer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	if (consumer == MAP_FAILED)
		result = -errno;
	else
		munmap(consumer, 4096);
	close(ring);
	return result;
}

/* A packet that never was, given to a program that counts or steers packets. */
static int run_on_packet(const char *name)
{
	char packet[64] = "";
	union bpf_attr attributes = {.test = {.data_in = (uintptr_t)packet, .data_size_in = sizeof packet}};
	int program = open_beside(name), result;

	if (program < 0)
		return -errno;
	attributes.test.prog_fd = (uint32_t)program;
	result = TRY(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof attributes));
	close(program);
	return result;
}

/* Only as far as the root is looked at: where nothing is mounted it is EINVAL, behind every question of who asks. */
static int change_root(void)
{
	int result = TRY(syscall(SYS_pivot_root, "/", "/"));

	return result == -EBUSY || result == -EINVAL ? 0 : result;
}

ATTEMPT(by_unlink, remove_and_pin_again())
ATTEMPT(by_rename, rename_and_back())
ATTEMPT(by_exchange, exchange())
ATTEMPT(by_link, made(TRY(link(pin, new_name())), new_name(), 0))
ATTEMPT(by_symlink, made(TRY(symlink("/tmp", new_name())), new_name(), 0))
ATTEMPT(by_mkdir, made(TRY(mkdir(new_name(), 0700)), new_name(), 1))
ATTEMPT(by_rmdir, remove_directory())
ATTEMPT(by_chmod, TRY(chmod(pin, 0666)))
ATTEMPT(by_chmod_of_directory, TRY(chmod(t->proc, 0711)))
ATTEMPT(by_chown, TRY(chown(pin, 0, 0)))
ATTEMPT(by_utimes, TRY(utimensat(AT_FDCWD, pin, NULL, 0)))
ATTEMPT(by_boot_ring, write_in_ring("boot_ring"))
ATTEMPT(by_copy_ring, write_in_ring("copy_ring"))
ATTEMPT(by_steering, run_on_packet("steer"))
ATTEMPT(by_backstop, run_on_packet("backstop_in"))
ATTEMPT(by_covering, cover_top())
ATTEMPT(by_binding, bind_over())
ATTEMPT(by_unmounting, take_away())
ATTEMPT(by_moving, move_elsewhere())
ATTEMPT(by_move_mount, move_by_descriptor())
ATTEMPT(by_attaching, attach_copy())
ATTEMPT(by_reconfiguring, reconfigure())
ATTEMPT(by_mount_setattr, set_attributes())
ATTEMPT(by_pivot_root, change_root())
ATTEMPT(by_covering_run, cover_run())
ATTEMPT(by_covering_shared, in_own_mounts(0, cover_run))
ATTEMPT(by_binding_shared_run, in_own_mounts(0, bind_over_run))
ATTEMPT(by_binding_shared, in_own_mounts(0, bind_over_top))
ATTEMPT(by_remounting_shared, in_own_mounts(0, remount_run))
ATTEMPT(by_slipping_beneath_run, in_own_mounts(0, slip_beneath_run))
ATTEMPT(by_slipping_beneath, in_own_mounts(0, slip_beneath_top))
ATTEMPT(by_covering_in_private, in_own_mounts(1, cover_top))
ATTEMPT(by_unmounting_in_private, in_own_mounts(1, take_away))

const struct attempt pins[] = {
	{"unlink", by_unlink},
	{"rename", by_rename},
	{"renameat2 RENAME_EXCHANGE", by_exchange},
	{"link", by_link},
	{"symlink", by_symlink},
	{"mkdir", by_mkdir},
	{"rmdir", by_rmdir},
	{"chmod", by_chmod},
	{"chmod of the directory", by_chmod_of_directory},
	{"chown", by_chown},
	{"utimensat", by_utimes},
	{"mmap of the ring of rebootmgr", by_boot_ring},
	{"mmap of the ring of cowmgr", by_copy_ring},
	{"BPF_PROG_TEST_RUN of steer", by_steering},
	{"BPF_PROG_TEST_RUN of backstop_in", by_backstop},
	{"mount over it", by_covering},
	{"bind over it", by_binding},
	{"umount", by_unmounting},
	{"mount MS_MOVE", by_moving},
	{"move_mount", by_move_mount},
	{"open_tree and move_mount onto it", by_attaching},
	{"fsconfig", by_reconfiguring},
	{"mount_setattr", by_mount_setattr},
	{"pivot_root", by_pivot_root},
	{"mount over /run", by_covering_run},
	{"mount over /run in a namespace that shares it", by_covering_shared},
	{"bind over /run, and say private, in a namespace that shares it", by_binding_shared_run},
	{"bind over it, and say private, in a namespace that shares it", by_binding_shared},
	{"remount /run, and say private, in a namespace that shares it", by_remounting_shared},
	{"move_mount beneath a private /run in a namespace that shares /", by_slipping_beneath_run},
	{"move_mount beneath it in a namespace that shares what it is mounted on", by_slipping_beneath},
	{"mount over it in a private namespace", by_covering_in_private},
	{"umount in a private namespace", by_unmounting_in_private},
	{NULL, NULL},
};

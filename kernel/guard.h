/* Self-protection: no process outside context 0 can weaken this object or load something that could.
 *
 * Enforced outside context 0: bpf() does nothing but open the call and run it (whoever had a ring could make its reader
 * deaf, without a further bpf()); our bpffs is neither changed nor covered nor unmounted (its files: files.h); the mounts of
 * the main server stay as they are, also where another mount namespace shares them; no module and no kernel is loaded;
 * control groups are a server's own business only. Root of context 0 is not restrained: whoever administers the machine can
 * undo everything. */
#ifndef VS_GUARD_H
#define VS_GUARD_H

#include "process.h"

#define BPF_FS_MAGIC 0xcafe4a11
#define CGROUP2_SUPER_MAGIC 0x63677270
#define READING_FIRMWARE 1
#define S_IWUSR 0200
/* MS_REMOUNT, MS_BIND */
#define MOUNTS_ANYWAY (1 << 5 | 1 << 12)
/* MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE */
#define MAKES_LESS_SHARED (1 << 17 | 1 << 18 | 1 << 19)
#define MOVE_MOUNT_BENEATH 0x200
#define __NR_open_tree_attr 467

static __always_inline int refuse_outside(void)
{
	return errno_if(own_xid() != VS_HOST, -EPERM);
}

static __always_inline int refuse_on_bpffs(struct super_block *sb)
{
	return sb->s_magic == BPF_FS_MAGIC ? refuse_outside() : 0;
}

static __always_inline struct mnt_namespace *host_mounts(void)
{
	struct task_struct *init = bpf_task_from_pid(INIT_PID);
	struct mnt_namespace *ns;

	if (!init)
		return 0;
	ns = BPF_CORE_READ(init, nsproxy, mnt_ns);
	bpf_task_release(init);
	return ns;
}

/* Whether the caller shares the mount namespace of process 1, where a mount would be seen by everybody. */
static __always_inline bool in_host_mounts(void)
{
	return host_mounts() == BPF_CORE_READ(bpf_get_current_task_btf(), nsproxy, mnt_ns);
}

static __always_inline struct mount *mount_of(struct vfsmount *mount)
{
	return (void *)mount - bpf_core_field_offset(struct mount, mnt);
}

struct peers {
	struct list_head *first, *at;
	struct mnt_namespace *host;
	bool all_seen, in_host;
};

static long look_at_peer(__u32 index, struct peers *peers)
{
	struct list_head *at = peers->at;
	struct mount *mount = (void *)at - bpf_core_field_offset(struct mount, mnt_share);

	if (BPF_CORE_READ(mount, mnt_ns) == peers->host) {
		peers->in_host = true;
		return 1;
	}
	peers->at = BPF_CORE_READ(at, next);
	peers->all_seen = peers->at == peers->first;
	return peers->all_seen;
}

/* Whether what is mounted on this mount appears in the main server's mounts too: a mount namespace that was made by
 * unshare(2) alone shares its mounts with the one it came from. */
static __always_inline bool is_shared_with_host(struct mount *mount)
{
	struct list_head *first = (void *)mount + bpf_core_field_offset(struct mount, mnt_share);
	struct peers peers = { .first = first, .at = first, .host = host_mounts() };

	bpf_loop(1 << 16, look_at_peer, &peers, 0);
	return peers.in_host || !peers.all_seen;
}

/* `mount` is where something is attached, or taken from. */
static __always_inline int refuse_mount(struct mount *mount, struct super_block *sb)
{
	if (own_xid() == VS_HOST)
		return 0;
	return errno_if(sb->s_magic == BPF_FS_MAGIC || in_host_mounts() || is_shared_with_host(mount), -EPERM);
}

/* mount(2) looks for binding and remounting first, and then at no flag that would make a mount less shared. */
static __always_inline bool is_making_less_shared(unsigned long flags)
{
	return flags & MAKES_LESS_SHARED && !(flags & MOUNTS_ANYWAY);
}

/* Beneath a mount means upon the one that this is mounted on, which may be shared where this is not. */
static __always_inline struct mount *receiver_of(struct mount *mount)
{
	return syscall_argument(FIFTH_ARGUMENT) & MOVE_MOUNT_BENEATH ? BPF_CORE_READ(mount, mnt_parent) : mount;
}

/* The kernel makes text of a map when its pin is read. The lists, and what stands for files of /proc, are the pins that are
 * there to be read: nobody may write to them (load.ts). */
static __always_inline int check_open_of_pin(struct inode *inode)
{
	return inode->i_mode & S_IWUSR ? refuse_outside() : 0;
}

/* These two ask nobody but for CAP_SYS_ADMIN (capability.h). */
static __always_inline bool is_setting_mount_attributes(void)
{
	int number = syscall_number();

	return number == __NR_mount_setattr || number == __NR_open_tree_attr;
}

/* A control group's files move, stop and kill processes of whatever context. Only a server has groups of its own: it sees
 * no others, and its context is held. Context 1 only looks, held or not. */
static __always_inline int check_open_of_cgroup(struct file *file)
{
	struct record *mine;
	__u32 xid;

	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	xid = own_xid();
	if (xid == VS_HOST)
		return 0;
	mine = record_at(xid);
	return errno_if(xid == VS_SPECTATOR || !(mine && mine->flags & VS_FLAG_HELD), -EPERM);
}

SEC("lsm/bpf")
int BPF_PROG(vs_bpf, int command)
{
	if (own_xid() == VS_HOST)
		return 0;
	return errno_if(command != BPF_OBJ_GET && command != BPF_PROG_TEST_RUN, -EPERM);
}

/* A descriptor of a map, wherever it comes from: a pin, a number. */
SEC("lsm/bpf_map")
int vs_bpf_map(void *ctx)
{
	return refuse_outside();
}

/* The call is the one program of its kind: the others here, when run, would count and steer packets that never were. */
SEC("lsm/bpf_prog")
int BPF_PROG(vs_bpf_prog, struct bpf_prog *program)
{
	return program->type == BPF_PROG_TYPE_SYSCALL ? 0 : refuse_outside();
}

/* New names in our bpffs would be in the way of the next load. */
SEC("lsm/inode_mkdir")
int BPF_PROG(vs_inode_mkdir, struct inode *dir)
{
	return refuse_on_bpffs(dir->i_sb);
}

SEC("lsm/inode_symlink")
int BPF_PROG(vs_inode_symlink, struct inode *dir)
{
	return refuse_on_bpffs(dir->i_sb);
}

SEC("lsm/inode_link")
int BPF_PROG(vs_inode_link, struct dentry *old, struct inode *dir)
{
	return refuse_on_bpffs(dir->i_sb);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(vs_inode_rmdir, struct inode *dir, struct dentry *dentry)
{
	return refuse_on_bpffs(dir->i_sb);
}

SEC("lsm/inode_rename")
int BPF_PROG(vs_inode_rename, struct inode *old_dir, struct dentry *old)
{
	return refuse_on_bpffs(old_dir->i_sb);
}

SEC("lsm/sb_mount")
int BPF_PROG(vs_sb_mount, const char *device, const struct path *path, const char *type, unsigned long flags)
{
	if (is_making_less_shared(flags) && !in_host_mounts())
		return 0;
	return refuse_mount(mount_of(path->mnt), path->dentry->d_sb);
}

SEC("lsm/move_mount")
int BPF_PROG(vs_move_mount, const struct path *from, const struct path *to)
{
	int error = refuse_on_bpffs(from->dentry->d_sb);

	return error ? error : refuse_mount(receiver_of(mount_of(to->mnt)), to->dentry->d_sb);
}

SEC("lsm/sb_umount")
int BPF_PROG(vs_sb_umount, struct vfsmount *mount)
{
	return refuse_mount(BPF_CORE_READ(mount_of(mount), mnt_parent), mount->mnt_sb);
}

/* The root of every process that has the same one changes with it. */
SEC("lsm/sb_pivotroot")
int vs_sb_pivotroot(void *ctx)
{
	return errno_if(own_xid() != VS_HOST && in_host_mounts(), -EPERM);
}

/* A file system's own options hold wherever it is mounted: they are its maker's, who may be in a user namespace. */
SEC("lsm/sb_remount")
int BPF_PROG(vs_sb_remount, struct super_block *sb)
{
	return errno_if(own_xid() != VS_HOST && BPF_CORE_READ(sb, s_user_ns, level) == 0, -EPERM);
}

/* Modules, kernels, policies, certificates: everything but firmware, so that a kind a newer kernel adds (compressed
 * modules came that way) is refused before anybody here has heard of it. */
static __always_inline int refuse_kernel_code(unsigned int kind)
{
	if (kind <= READING_FIRMWARE)
		return 0;
	return refuse_outside();
}

SEC("lsm/kernel_read_file")
int BPF_PROG(vs_kernel_read_file, struct file *file, unsigned int kind)
{
	return refuse_kernel_code(kind);
}

SEC("lsm/kernel_load_data")
int BPF_PROG(vs_kernel_load_data, unsigned int kind)
{
	return refuse_kernel_code(kind);
}

/* A socket of a rare family, a rare file system: the kernel would run modprobe in context 0 on the caller's behalf. */
SEC("lsm/kernel_module_request")
int vs_kernel_module_request(void *ctx)
{
	return refuse_outside();
}

#endif

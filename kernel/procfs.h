/* /proc/PID and pidfds of other contexts do not exist for a process; of process 1 it sees what ps needs.
 *
 * Enforced on every procfs mount and for thread ids, because the decision is made on the inode's `struct pid`: open,
 * stat, readlink, following links and watching; for a pidfd somebody passed on: what its ioctls tell.
 * Context 1 reads everything but memory, writes nothing, and follows links only to look at what is there.
 * Not closed here: the numbers in a listing of /proc, what was opened before its process entered its context, and
 * access(), chdir(), O_PATH on a foreign /proc/PID, which only ask inode_permission. That hook runs for every component of
 * every path, so it is loaded with --strict alone; even then O_PATH of the directory itself, which asks nobody, tells that
 * the number is in use. A server's own /proc is mounted with hidepid=ptraceable instead, which asks ptrace_access_check. */
#ifndef VS_PROCFS_H
#define VS_PROCFS_H

#include "ipc.h"
#include "process.h"

#define PROC_SUPER_MAGIC 0x9fa0
#define PID_FS_MAGIC 0x50494446

enum view { VIEW_ALL, VIEW_READ, VIEW_INIT, VIEW_NONE };

static __always_inline enum view view_of(struct pid *pid)
{
	struct task_struct *self = bpf_get_current_task_btf(), *task;
	__u32 mine, theirs;
	int number;

	/* The threads of a process are in one context. */
	if (!pid || pid == self->thread_pid || pid == self->group_leader->thread_pid)
		return VIEW_ALL;
	number = BPF_CORE_READ(pid, numbers[0].nr);
	mine = own_xid();
	if (number == INIT_PID)
		return mine == VS_HOST ? VIEW_ALL : mine == VS_SPECTATOR ? VIEW_READ : VIEW_INIT;
	task = bpf_task_from_pid(number);
	if (!task)
		return VIEW_ALL; /* gone: procfs itself says so */
	theirs = xid_of(task);
	bpf_task_release(task);
	return mine == theirs ? VIEW_ALL : mine == VS_SPECTATOR ? VIEW_READ : VIEW_NONE;
}

static __always_inline struct pid *pid_of_proc_inode(struct inode *inode)
{
	void *around = (void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode);
	struct proc_inode *outer = bpf_rdonly_cast(around, bpf_core_type_id_kernel(struct proc_inode));

	return outer->pid;
}

/* The files of /proc/PID/net belong to no process; the directory they are looked up in does. */
static __always_inline struct pid *pid_of_proc_file(struct dentry *dentry)
{
	struct pid *pid = pid_of_proc_inode(dentry->d_inode);

	for (int depth = 0; !pid && depth < 3; depth++) {
		dentry = dentry->d_parent;
		pid = pid_of_proc_inode(dentry->d_inode);
	}
	return pid;
}

static __always_inline enum view view_of_pidfd(struct inode *inode)
{
	return view_of(BPF_CORE_READ(inode, i_private));
}

/* For the hooks that see every inode: a file of no process is everybody's. */
static __always_inline enum view view_of_inode(struct inode *inode)
{
	switch (inode->i_sb->s_magic) {
	case PROC_SUPER_MAGIC:
		return view_of(pid_of_proc_inode(inode));
	case PID_FS_MAGIC:
		return view_of_pidfd(inode);
	}
	return VIEW_ALL;
}

union short_name {
	char text[8];
	__u64 word;
};

static __always_inline union short_name name_of(struct dentry *dentry)
{
	union short_name name = {};

	bpf_probe_read_kernel_str(name.text, sizeof(name.text), BPF_CORE_READ(dentry, d_name.name));
	return name;
}

#define NAMED(name, literal) (__builtin_memcmp((name).text, literal "\0\0\0\0\0\0\0", 8) == 0)

/* What a foreign context may open of process 1: what every user of a plain system may read, and no more. */
static __always_inline bool is_open_of_init(struct file *file)
{
	union short_name name = name_of(BPF_CORE_READ(file, f_path.dentry));

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFDIR)
		return NAMED(name, "1") || NAMED(name, "task");
	return NAMED(name, "stat") || NAMED(name, "status") || NAMED(name, "statm") || NAMED(name, "cmdline") ||
	       NAMED(name, "comm");
}

static __always_inline bool is_ipc_listing(struct dentry *dentry)
{
	union short_name name = name_of(dentry);

	return (NAMED(name, "shm") || NAMED(name, "sem") || NAMED(name, "msg")) &&
	       NAMED(name_of(BPF_CORE_READ(dentry, d_parent)), "sysvipc");
}

/* What acts on the whole machine by being written to, processes of every context among it. */
static __always_inline bool is_trigger(struct dentry *dentry)
{
	return NAMED(name_of(dentry), "sysrq-t");
}

static __always_inline int check_open_of_no_process(struct dentry *dentry, bool writes)
{
	return errno_if((writes && is_trigger(dentry) && own_xid() != VS_HOST) ||
				(is_ipc_listing(dentry) && is_foreign_listing()),
			-EACCES);
}

static __always_inline int check_open_in_procfs(struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	struct pid *pid = pid_of_proc_file(dentry);
	bool writes = file->f_mode & FMODE_WRITE;
	enum view view;

	if (!pid)
		return check_open_of_no_process(dentry, writes);
	view = view_of(pid);
	if (view == VIEW_ALL)
		return 0;
	if (view == VIEW_NONE)
		return -ENOENT;
	if (writes)
		return -EPERM;
	if (view == VIEW_INIT)
		return errno_if(!is_open_of_init(file), -EACCES);
	return errno_if(NAMED(name_of(dentry), "mem"), -EPERM);
}

static __always_inline int check_open_of_pidfd(struct file *file)
{
	enum view view = view_of_pidfd(file->f_inode);

	if (view == VIEW_ALL)
		return 0;
	return view == VIEW_NONE ? -ESRCH : -EPERM;
}

/* Of a link of /proc/PID (root, cwd, exe, fd/N, ns/N) fuser and lsof want to know what it leads to, not go there. */
static __always_inline bool is_look_through_link(void)
{
	int number = syscall_number();

	if (is_32bit_call())
		return false;
#ifdef __NR_stat
	if (number == __NR_stat)
		return true;
#endif
	return number == __NR_newfstatat || number == __NR_statx;
}

/* The links of process 1 would lead a guest out of its root. */
SEC("lsm/inode_readlink")
int BPF_PROG(vs_inode_readlink, struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;
	enum view view = inode ? view_of_inode(inode) : VIEW_ALL;

	if (view == VIEW_NONE)
		return -ENOENT;
	return errno_if(view == VIEW_INIT, -EACCES);
}

SEC("lsm/inode_follow_link")
int BPF_PROG(vs_inode_follow_link, struct dentry *dentry, struct inode *inode)
{
	enum view view = view_of_inode(inode);

	if (view == VIEW_NONE)
		return -ENOENT;
	return errno_if(view == VIEW_INIT || (view == VIEW_READ && !is_look_through_link()), -EACCES);
}

/* Loaded with --strict only: the costly hook that closes access(), chdir() and paths through a foreign /proc/PID. */
SEC("lsm/inode_permission")
int BPF_PROG(vs_strict_inode_permission, struct inode *inode)
{
	return errno_if(view_of_inode(inode) == VIEW_NONE, -ENOENT);
}

#endif

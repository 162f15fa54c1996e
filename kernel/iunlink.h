/* Unified files (immutable-linkage-invert): while a marked file has more than one link, nobody outside context 0 changes it.
 *
 * One link left is still somebody else's when it is not the one that the file was reached by. The mark is an extended
 * attribute. Hooks that may sleep read it, late, and so of hardly any file; those that may not refuse for every file with
 * several names (keep_shared_file). Context 0 alone sets and clears it. Enforced on the inode, so
 * by whatever path, descriptor or ring it is reached: opening for writing (and all that needs such a descriptor: write,
 * fallocate, reflink or copy into, a writable shared mapping, swapon), truncating, mode, owner and times, extended
 * attributes and ACLs, every ioctl that is not known to look only, leases. Unlink, rename, rename over and link are free.
 * A descriptor for writing that context 0 has of one is not received in a message nor by pidfd_getfd, and who has a file
 * with several names open for writing does not enter a context. An overlay is judged by the files it is made of: to copy
 * one up is to read it.
 * Not covered: what a process of context 0 shares with one inside on purpose, a table of descriptors, a ring with files
 * registered, memory that is mapped already; locks, and the times of reading, which all servers see.
 *
 * INVARIANTS
 *  - A writer counts as one (i_writecount) before file_open asks for links and mark; whoever links or marks asks for writers
 *    afterwards (src/unify/mark.ts). One of the two sees the other.
 *  - Files are truncated and changed under the inode's lock. */
#ifndef VS_IUNLINK_H
#define VS_IUNLINK_H

#include "copy.h"
#include "names.h"

#define F_SETLEASE 1024

#define FIBMAP 1
#define FIGETBSZ 2
#define FS_IOC_GETFLAGS 0x80086601
#define FS_IOC32_GETFLAGS 0x80046601
#define FS_IOC_GETVERSION 0x80087601
#define FS_IOC32_GETVERSION 0x80047601
#define FS_IOC_FSGETXATTR 0x801c581f
#define FS_IOC_FIEMAP 0xc020660b
#define FS_IOC_GETFSLABEL 0x81009431
#define FS_IOC_GETFSUUID 0x80111500
#define FS_IOC_MEASURE_VERITY 0xc0046686
#define FS_IOC_READ_VERITY_METADATA 0xc0286687
#define FIDEDUPERANGE 0xc0189436
#define REQUEST_KIND(request) ((request) >> 8 & 0xff)
#define KIND_TERMINAL 'T'

extern int bpf_get_file_xattr(struct file *file, const char *name__str, struct bpf_dynptr *value) __ksym;
extern int bpf_get_dentry_xattr(struct dentry *dentry, const char *name__str, struct bpf_dynptr *value) __ksym;

const char mark_name[] = VS_UNIFIED_MARK;
/* Where a value is put that nobody looks at. */
static char mark_value[1];

/* What cannot be read is taken to be there: a value that is too long, an error of the disk. */
static __always_inline bool is_there(int result)
{
	return result != -ENODATA && result != -EOPNOTSUPP;
}

/* A function of its own, as the next: what the verifier knows of the dynptr ends with it, and its place on the stack is free. */
static __noinline bool is_marked_file(struct file *file)
{
	struct bpf_dynptr value;

	bpf_dynptr_from_mem(mark_value, sizeof(mark_value), 0, &value);
	return is_there(bpf_get_file_xattr(file, mark_name, &value));
}

static __noinline bool is_marked_entry(struct dentry *dentry)
{
	struct bpf_dynptr value;

	bpf_dynptr_from_mem(mark_value, sizeof(mark_value), 0, &value);
	return is_there(bpf_get_dentry_xattr(dentry, mark_name, &value));
}

/* The mark last: hardly a file is shared, and reading an attribute is dear. */
static __always_inline bool is_guarded_from_us(struct inode *inode, struct dentry *dentry)
{
	return inode && is_shared(inode, dentry) && own_xid() != VS_HOST;
}

static __always_inline bool is_file_unified(struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	enum sharing sharing = sharing_of(file->f_inode, dentry);

	if (sharing == NOT_SHARED || own_xid() == VS_HOST || !is_marked_file(file))
		return false;
	return sharing == SHARED || has_gone(file->f_inode, dentry);
}

static __always_inline int keep_unified_file(struct file *file)
{
	return errno_if(is_file_unified(file), -EPERM);
}

/* Whether the caller may change the file but for the mark, and so has a copy made. */
static __always_inline int keep_unified_entry(struct dentry *dentry, bool may_change)
{
	struct inode *inode = dentry->d_inode;

	if (!is_guarded_from_us(inode, dentry) || !is_marked_entry(dentry))
		return 0;
	return may_change || may_own(inode) ? ask_for_copy(dentry) : errno_if(true, -EPERM);
}

/* Where a hook may not sleep, and so not read attributes, a file with several names is taken to be marked. */
static __always_inline int keep_shared_file(struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;
	enum sharing sharing = sharing_of(file->f_inode, dentry);

	if (sharing == NOT_SHARED || own_xid() == VS_HOST)
		return 0;
	return errno_if(sharing == SHARED || has_gone(file->f_inode, dentry), -EPERM);
}

static __always_inline int keep_shared_entry(struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	if (!is_guarded_from_us(inode, dentry))
		return 0;
	return may_own(inode) ? ask_for_copy(dentry) : errno_if(true, -EPERM);
}

static __always_inline int keep_unified_in_open(struct file *file, bool anew)
{
	if (!(file->f_mode & FMODE_WRITE) || !is_file_unified(file))
		return 0;
	return anew ? ask_for_copy(file->f_path.dentry) : errno_if(true, -EPERM);
}

static __always_inline bool is_mark(const char *name)
{
	/* Room to tell a longer name. */
	char given[sizeof(mark_name) + 1] = {};

	bpf_probe_read_kernel_str(given, sizeof(given), name);
	return !bpf_strncmp(given, sizeof(mark_name), mark_name);
}

/* Only context 0 sets the mark, and takes it away. To refuse it to a file that has no name yet would be to refuse an overlay
 * that copies a marked file up; there it is nobody else's. */
static __always_inline int keep_mark(struct dentry *dentry, const char *name)
{
	struct inode *inode = dentry->d_inode;

	return errno_if(inode && inode->i_nlink && own_xid() != VS_HOST && is_mark(name), -EPERM);
}

static __always_inline bool only_looks(unsigned int request)
{
	switch (request) {
	case FIBMAP:
	case FIGETBSZ:
	case FS_IOC_GETFLAGS:
	case FS_IOC32_GETFLAGS:
	case FS_IOC_GETVERSION:
	case FS_IOC32_GETVERSION:
	case FS_IOC_FSGETXATTR:
	case FS_IOC_FIEMAP:
	case FS_IOC_GETFSLABEL:
	case FS_IOC_GETFSUUID:
	case FS_IOC_MEASURE_VERITY:
	case FS_IOC_READ_VERITY_METADATA:
		return true;
	}
	/* Is it a terminal? What waits to be read? Close it at exec. No file system has requests of this kind. */
	return REQUEST_KIND(request) == KIND_TERMINAL;
}

/* FIDEDUPERANGE is made on the file that stays as it is; those that change are named in memory the caller can change after
 * we have looked. It needs no descriptor for writing, and asks no hook about them. */
static __always_inline int keep_unified_in_ioctl(struct file *file, unsigned int request)
{
	if (request == FIDEDUPERANGE)
		return errno_if(own_xid() != VS_HOST, -EPERM);
	return only_looks(request) ? 0 : keep_unified_file(file);
}

static __always_inline int keep_shared_in_ioctl(struct file *file, unsigned int request)
{
	if (request == FIDEDUPERANGE)
		return errno_if(own_xid() != VS_HOST, -EPERM);
	return only_looks(request) ? 0 : keep_shared_file(file);
}

SEC("lsm.s/inode_setxattr")
int BPF_PROG(vs_inode_setxattr, struct mnt_idmap *idmap, struct dentry *dentry, const char *name)
{
	int error = keep_mark(dentry, name);

	return error ? error : keep_unified_entry(dentry, false);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(vs_inode_removexattr, struct mnt_idmap *idmap, struct dentry *dentry, const char *name)
{
	int error = keep_mark(dentry, name);

	return error ? error : keep_shared_entry(dentry);
}

SEC("lsm/inode_set_acl")
int BPF_PROG(vs_inode_set_acl, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return keep_shared_entry(dentry);
}

SEC("lsm/inode_remove_acl")
int BPF_PROG(vs_inode_remove_acl, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return keep_shared_entry(dentry);
}

/* From a message, a process's table or a supervisor of system calls. */
SEC("lsm.s/file_receive")
int BPF_PROG(vs_file_receive, struct file *file)
{
	return keep_unified_in_open(file, false);
}

/* Whoever opens a file that somebody has leased waits until he lets go of it. The commands that set a lease are numbered
 * above those of locks, and above every operation of flock(2). */
SEC("lsm.s/file_lock")
int BPF_PROG(vs_file_lock, struct file *file)
{
	return (unsigned int)syscall_argument(SECOND_ARGUMENT) < F_SETLEASE ? 0 : keep_unified_file(file);
}

struct held {
	struct file **table;
	bool shared;
};

static long look_at_descriptor(__u32 index, struct held *held)
{
	struct file *file = 0;
	struct inode *inode;

	bpf_probe_read_kernel(&file, sizeof(file), held->table + index);
	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	held->shared = (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFREG && BPF_CORE_READ(inode, i_nlink) > 1 &&
		       BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC;
	return held->shared;
}

/* Whether the task has a file with several names open for writing: in a context it could go on writing. The mark of a
 * file in another's table cannot be read. */
static __always_inline bool holds_shared(struct task_struct *task)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct held held = { .table = BPF_CORE_READ(table, fd) };

	bpf_loop(BPF_CORE_READ(table, max_fds), look_at_descriptor, &held, 0);
	return held.shared;
}

#endif

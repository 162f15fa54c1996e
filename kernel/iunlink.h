/* Unified files (immutable-linkage-invert): while a marked file has more than one link, nobody outside context 0 changes it.
 *
 * The mark is the sticky bit of a regular file, which has no other meaning there. Enforced on the inode, so by whatever
 * path, descriptor or ring it is reached: opening for writing (and all that needs such a descriptor: write, fallocate,
 * reflink or copy into, a writable shared mapping, swapon), truncating, mode, owner and times, extended attributes and
 * ACLs, every ioctl that is not known to look only, leases. Unlink, rename, rename over and link are free.
 * A descriptor that context 0 opened for writing is not received in a message nor by pidfd_getfd, and who holds one does
 * not enter a context. An overlay is judged by the files it is made of: to copy one up is to read it.
 * Not covered: what a process of context 0 shares with one inside on purpose, a table of descriptors, a ring with files
 * registered, memory that is mapped already; locks, and the times of reading, which all servers see.
 *
 * INVARIANTS
 *  - A writer counts as one (i_writecount) before file_open asks for links and mark; whoever links or marks asks for writers
 *    afterwards (src/unify/mark.ts). One of the two sees the other.
 *  - Truncation and links are counted under the inode's lock. */
#ifndef VS_IUNLINK_H
#define VS_IUNLINK_H

#include "registers.h"
#include "task.h"

#define S_IFREG 0100000
#define S_ISVTX 0001000
#define ATTR_MODE 1
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
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

static __always_inline bool is_marked(unsigned short mode)
{
	return (mode & (S_IFMT | S_ISVTX)) == (S_IFREG | S_ISVTX);
}

/* The mode first: hardly a file has the bit. */
static __always_inline bool is_guarded(struct inode *inode)
{
	return is_marked(inode->i_mode) && inode->i_nlink > 1 && inode->i_sb->s_magic != OVERLAYFS_SUPER_MAGIC;
}

static __always_inline int keep_unified(struct inode *inode)
{
	if (!inode || !is_guarded(inode))
		return 0;
	return errno_if(own_xid() != VS_HOST, -EPERM);
}

static __always_inline int keep_unified_in_open(struct file *file)
{
	return file->f_mode & FMODE_WRITE ? keep_unified(file->f_inode) : 0;
}

/* Of a file that others have too nobody outside context 0 sets the mark either. */
static __always_inline int keep_unified_in_setattr(struct inode *inode, struct iattr *change)
{
	if (!inode || inode->i_nlink < 2 || (inode->i_mode & S_IFMT) != S_IFREG)
		return 0;
	if (!is_marked(inode->i_mode) && !(change->ia_valid & ATTR_MODE && change->ia_mode & S_ISVTX))
		return 0;
	return errno_if(inode->i_sb->s_magic != OVERLAYFS_SUPER_MAGIC && own_xid() != VS_HOST, -EPERM);
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
	if (!is_guarded(file->f_inode) || only_looks(request))
		return 0;
	return errno_if(own_xid() != VS_HOST, -EPERM);
}

SEC("lsm/inode_setxattr")
int BPF_PROG(vs_inode_setxattr, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return keep_unified(dentry->d_inode);
}

SEC("lsm/inode_removexattr")
int BPF_PROG(vs_inode_removexattr, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return keep_unified(dentry->d_inode);
}

SEC("lsm/inode_set_acl")
int BPF_PROG(vs_inode_set_acl, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return keep_unified(dentry->d_inode);
}

SEC("lsm/inode_remove_acl")
int BPF_PROG(vs_inode_remove_acl, struct mnt_idmap *idmap, struct dentry *dentry)
{
	return keep_unified(dentry->d_inode);
}

/* From a message, a process's table or a supervisor of system calls. */
SEC("lsm/file_receive")
int BPF_PROG(vs_file_receive, struct file *file)
{
	return keep_unified_in_open(file);
}

/* Whoever opens a file that somebody has leased waits until he lets go of it. The commands that set a lease are numbered
 * above those of locks, and above every operation of flock(2). */
SEC("lsm/file_lock")
int BPF_PROG(vs_file_lock, struct file *file)
{
	if (!is_guarded(file->f_inode) || (unsigned int)syscall_argument(SECOND_ARGUMENT) < F_SETLEASE)
		return 0;
	return errno_if(own_xid() != VS_HOST, -EPERM);
}

struct held {
	struct file **table;
	bool unified;
};

static long look_at_descriptor(__u32 index, struct held *held)
{
	struct file *file = 0;
	struct inode *inode;

	bpf_probe_read_kernel(&file, sizeof(file), held->table + index);
	if (!file || !(BPF_CORE_READ(file, f_mode) & FMODE_WRITE))
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	held->unified = is_marked(BPF_CORE_READ(inode, i_mode)) && BPF_CORE_READ(inode, i_nlink) > 1;
	return held->unified;
}

/* Whether the task has a unified file open for writing: in a context it could go on writing. */
static __always_inline bool holds_unified(struct task_struct *task)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct held held = { .table = BPF_CORE_READ(table, fd) };

	bpf_loop(BPF_CORE_READ(table, max_fds), look_at_descriptor, &held, 0);
	return held.unified;
}

#endif

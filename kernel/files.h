/* The hooks on files that several areas share, each one program: the file system tells whose question it is.
 *
 * procfs and pidfds (procfs.h), message queues (ipc.h), control groups and our bpffs (guard.h), unified files (iunlink.h).
 * Everything else leaves after a few instructions. */
#ifndef VS_FILES_H
#define VS_FILES_H

#include "guard.h"
#include "ipc.h"
#include "iunlink.h"
#include "procfs.h"
#include "project.h"
#include "terminal.h"

SEC("lsm.s/file_open")
int BPF_PROG(vs_file_open, struct file *file)
{
	unsigned long magic = file->f_inode->i_sb->s_magic;

	switch (magic) {
	case PROC_SUPER_MAGIC:
		return check_open_in_procfs(file);
	case PID_FS_MAGIC:
		return check_open_of_pidfd(file);
	case MQUEUE_MAGIC:
		return check_open_of_queue(file);
	case CGROUP2_SUPER_MAGIC:
		return check_open_of_cgroup(file);
	case BPF_FS_MAGIC:
		return check_open_of_pin(file->f_inode);
	}
	return keep_unified_in_open(file, true);
}

SEC("lsm/inode_getattr")
int BPF_PROG(vs_inode_getattr, const struct path *path)
{
	struct inode *inode = path->dentry->d_inode;

	if (!inode)
		return 0;
	switch (inode->i_sb->s_magic) {
	case PROC_SUPER_MAGIC:
		return errno_if(view_of(pid_of_proc_file(path->dentry)) == VIEW_NONE, -ENOENT);
	case PID_FS_MAGIC:
		return errno_if(view_of_pidfd(inode) == VIEW_NONE, -ESRCH);
	case MQUEUE_MAGIC:
		return check_look_at_queue(inode);
	}
	return 0;
}

SEC("lsm.s/inode_setattr")
int BPF_PROG(vs_inode_setattr, struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *change)
{
	switch (dentry->d_sb->s_magic) {
	case BPF_FS_MAGIC:
		return refuse_outside();
	case MQUEUE_MAGIC:
		return check_change_of_queue(dentry->d_inode);
	}
	/* To truncate, and to set the times to now, the right to write is enough; it has been asked for. */
	return keep_unified_entry(dentry, change->ia_valid & (ATTR_SIZE | ATTR_TOUCH));
}

SEC("lsm/inode_unlink")
int BPF_PROG(vs_inode_unlink, struct inode *dir, struct dentry *dentry)
{
	switch (dentry->d_sb->s_magic) {
	case BPF_FS_MAGIC:
		return refuse_outside();
	case MQUEUE_MAGIC:
		return check_change_of_queue(dentry->d_inode);
	}
	return 0;
}

/* A pidfd that somebody passed on tells nothing; a terminal led from another context is not steered. */
static __always_inline int check_ioctl(struct file *file, unsigned int command)
{
	struct inode *inode = file->f_inode;
	int error;

	if (inode->i_sb->s_magic == PID_FS_MAGIC)
		return errno_if(view_of_pidfd(inode) != VIEW_ALL, -ESRCH);
	error = check_terminal(file, command);
	return error ? error : keep_project(file, command);
}

SEC("lsm.s/file_ioctl")
int BPF_PROG(vs_file_ioctl, struct file *file, unsigned int command)
{
	int error = check_ioctl(file, command);

	return error ? error : keep_unified_in_ioctl(file, command);
}

SEC("lsm/file_ioctl_compat")
int BPF_PROG(vs_file_ioctl_compat, struct file *file, unsigned int command)
{
	int error = check_ioctl(file, command);

	return error ? error : keep_shared_in_ioctl(file, command);
}

SEC("?lsm/inode_file_setattr")
int BPF_PROG(vs_inode_file_setattr, struct dentry *dentry, struct file_kattr *change)
{
	struct inode *inode = dentry->d_inode;
	int error;

	if (!inode)
		return 0;
	error = keep_shared_entry(dentry);
	return error ? error : keep_project_in_setattr(inode, change);
}

#endif

/* Disk quota by project: root of a context with such a limit owns its files, and must not move them to another project.
 *
 * Enforced there: no change of a file's project id or of a directory's inheritance of it, by ioctl or file_setattr(2). The
 * values are in the caller's memory and may change after we have looked, so the whole request is refused: FSSETXATTR for
 * every inode, SETFLAGS (chattr) for directories. On regular files SETFLAGS cannot change either.
 * Not covered: descriptors handed in from the main server lead to files that count elsewhere. */
#ifndef VS_PROJECT_H
#define VS_PROJECT_H

#include "limit.h"

#define FS_IOC_SETFLAGS 0x40086602
#define FS_IOC32_SETFLAGS 0x40046602
#define FS_IOC_FSSETXATTR 0x401c5820

static __always_inline bool has_fixed_project(void)
{
	struct limit *limit = limit_of(own_xid());

	return limit && limit->fixed_project;
}

static __always_inline int keep_project(struct file *file, unsigned int request)
{
	bool directory = (file->f_inode->i_mode & S_IFMT) == S_IFDIR;

	if (request != FS_IOC_FSSETXATTR &&
	    !(directory && (request == FS_IOC_SETFLAGS || request == FS_IOC32_SETFLAGS)))
		return 0;
	return errno_if(has_fixed_project(), -EPERM);
}

/* What file_setattr(2) and the two requests above come down to, in the kernel's own memory; newer kernels only. */
struct file_kattr {
	unsigned int fsx_valid : 1;
} __attribute__((preserve_access_index));

static __always_inline int keep_project_in_setattr(struct inode *inode, struct file_kattr *change)
{
	if (!BPF_CORE_READ_BITFIELD_PROBED(change, fsx_valid) && (inode->i_mode & S_IFMT) != S_IFDIR)
		return 0;
	return errno_if(has_fixed_project(), -EPERM);
}

#endif

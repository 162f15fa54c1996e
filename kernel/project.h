/* Disk quota by project: root of a context with such a limit owns its files, and must not move them to another project.
 * On btrfs, where the quota is a subvolume's, nobody in it makes another subvolume, which would have none.
 *
 * Enforced there: no change of a file's project id or of a directory's inheritance of it, by ioctl or file_setattr(2). The
 * values are in the caller's memory and may change after we have looked, so the whole request is refused: FSSETXATTR for
 * every inode, SETFLAGS (chattr) for directories. On regular files SETFLAGS cannot change either. btrfs has no projects:
 * there all of this is allowed, and no subvolume or snapshot is made.
 * Not covered: descriptors handed in from the main server lead to files that count elsewhere. */
#ifndef VS_PROJECT_H
#define VS_PROJECT_H

#include "limit.h"

#define FS_IOC_SETFLAGS 0x40086602
#define FS_IOC32_SETFLAGS 0x40046602
#define FS_IOC_FSSETXATTR 0x401c5820
#define BTRFS_SUPER_MAGIC 0x9123683e
/* The other bits of a request are a size and a direction. */
#define TYPE_AND_NUMBER(request) ((request) & 0xffff)
#define BTRFS_IOC_SNAP_CREATE 0x9401
#define BTRFS_IOC_SUBVOL_CREATE 0x940e
#define BTRFS_IOC_SNAP_CREATE_V2 0x9417
#define BTRFS_IOC_SUBVOL_CREATE_V2 0x9418

static __always_inline bool has_fixed_project(void)
{
	struct limit *limit = limit_of(own_xid());

	return limit && limit->fixed_project;
}

static __always_inline bool makes_subvolume(unsigned int request)
{
	switch (TYPE_AND_NUMBER(request)) {
	case BTRFS_IOC_SNAP_CREATE:
	case BTRFS_IOC_SUBVOL_CREATE:
	case BTRFS_IOC_SNAP_CREATE_V2:
	case BTRFS_IOC_SUBVOL_CREATE_V2:
		return true;
	}
	return false;
}

static __always_inline bool changes_project(struct inode *inode, unsigned int request)
{
	bool directory = (inode->i_mode & S_IFMT) == S_IFDIR;

	return request == FS_IOC_FSSETXATTR ||
	       (directory && (request == FS_IOC_SETFLAGS || request == FS_IOC32_SETFLAGS));
}

static __always_inline int keep_project(struct file *file, unsigned int request)
{
	struct inode *inode = file->f_inode;
	bool btrfs = inode->i_sb->s_magic == BTRFS_SUPER_MAGIC;

	if (!(btrfs ? makes_subvolume(request) : changes_project(inode, request)))
		return 0;
	return errno_if(has_fixed_project(), -EPERM);
}

/* What file_setattr(2) and the two requests above come down to, in the kernel's own memory; newer kernels only. */
struct file_kattr {
	unsigned int fsx_valid : 1;
} __attribute__((preserve_access_index));

static __always_inline int keep_project_in_setattr(struct inode *inode, struct file_kattr *change)
{
	if (inode->i_sb->s_magic == BTRFS_SUPER_MAGIC)
		return 0;
	if (!BPF_CORE_READ_BITFIELD_PROBED(change, fsx_valid) && (inode->i_mode & S_IFMT) != S_IFDIR)
		return 0;
	return errno_if(has_fixed_project(), -EPERM);
}

#endif

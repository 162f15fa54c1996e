/* Whether a regular file may have names that belong to others: it has several, or one that is not the one it was reached by.
 *
 * INVARIANT: names are removed under the inode's lock; the count of links falls first, then it is said which name goes. */
#ifndef VS_NAMES_H
#define VS_NAMES_H

#include "common.h"

#define S_IFREG 0100000
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define DCACHE_CANT_MOUNT (1 << 8)
#define RWSEM_WRITER_LOCKED 1
/* Some milliseconds. */
#define MOST_LOOKS 100000
/* Read here, in the order it is written. */
#define NOW(field) (*(volatile typeof(field) *)&(field))

/* The kernel says of a name that it goes before it lets go of the inode it has removed it from (dont_mount), and takes it out
 * of its cache after that (d_delete). */
static __always_inline bool is_gone(struct dentry *dentry)
{
	return NOW(dentry->d_flags) & DCACHE_CANT_MOUNT || !NOW(dentry->d_hash.pprev);
}

static __always_inline bool can_be_shared(struct inode *inode)
{
	return (inode->i_mode & S_IFMT) == S_IFREG && inode->i_sb->s_magic != OVERLAYFS_SUPER_MAGIC;
}

/* Whether names of the inode may belong to others: there are several, or it is reached by one that is gone, and the one that
 * is left is somebody's. For who has the inode's lock: nobody removes a name meanwhile. */
static __always_inline bool is_shared(struct inode *inode, struct dentry *dentry)
{
	return can_be_shared(inode) && (inode->i_nlink > 1 || (inode->i_nlink == 1 && is_gone(dentry)));
}

static __always_inline bool is_locked(struct inode *inode)
{
	return NOW(inode->i_rwsem.count.counter) & RWSEM_WRITER_LOCKED;
}

/* What is known of an open file without its inode's lock. The count of links falls before it is said which name goes, both under
 * the lock. */
enum sharing { NOT_SHARED, SHARED, NAME_MAY_BE_GOING };

static __always_inline enum sharing sharing_of(struct inode *inode, struct dentry *dentry)
{
	__u32 links = NOW(inode->i_nlink);
	bool locked;

	if (!links || !can_be_shared(inode))
		return NOT_SHARED;
	if (links > 1)
		return SHARED;
	locked = is_locked(inode);
	if (is_gone(dentry))
		return SHARED;
	return locked ? NAME_MAY_BE_GOING : NOT_SHARED;
}

static long await_unlocked(__u32 index, struct inode **inode)
{
	return !(BPF_CORE_READ(*inode, i_rwsem.count.counter) & RWSEM_WRITER_LOCKED);
}

/* Whether the name that may be going has gone. One moment without the lock tells; who holds it all the time is taken to be
 * removing the name. */
static __always_inline bool has_gone(struct inode *inode, struct dentry *dentry)
{
	bpf_loop(MOST_LOOKS, await_unlocked, &inode, 0);
	return is_locked(inode) || is_gone(dentry);
}

#endif

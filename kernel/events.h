/* No context listens to what the processes of others do.
 *
 * Enforced outside context 0: no process events from the connector (context 1 may), no watch on a whole mount or file
 * system, none that makes others wait for an answer. No context watches /proc/PID of another.
 * Not covered: taskstats, for whoever has CAP_NET_ADMIN in the first user namespace. */
#ifndef VS_EVENTS_H
#define VS_EVENTS_H

#include "procfs.h"
#include "reserve.h"

#define NETLINK_CONNECTOR 11
#define FSNOTIFY_OBJ_TYPE_INODE 0
/* FS_OPEN_PERM, FS_ACCESS_PERM, FS_OPEN_EXEC_PERM, FS_PRE_ACCESS */
#define FS_PERMISSION_EVENTS 0x170000ull

SEC("lsm/path_notify")
int BPF_PROG(vs_path_notify, const struct path *path, __u64 mask, unsigned int kind)
{
	struct inode *inode = path->dentry->d_inode;
	enum view view = inode ? view_of_inode(inode) : VIEW_ALL;

	if (view == VIEW_NONE || view == VIEW_INIT)
		return -ENOENT;
	if (own_xid() == VS_HOST)
		return 0;
	if (kind != FSNOTIFY_OBJ_TYPE_INODE || mask & FS_PERMISSION_EVENTS)
		return -EPERM;
	return check_watch();
}

/* For socket_create, which is shared with the addresses. */
static __always_inline int check_connector(int protocol)
{
	return errno_if(protocol == NETLINK_CONNECTOR && own_xid() > VS_SPECTATOR, -EPERM);
}

#endif

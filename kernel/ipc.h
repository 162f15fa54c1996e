/* System V IPC and POSIX message queues are private to the context that made them.
 *
 * Enforced by denial: an object of another context cannot be attached, used, asked about or removed, by root neither, and
 * /proc/sysvipc is closed to whoever would find other contexts in it (ipcs then lists what its caller may see). Context 1
 * looks at all and uses none; root of context 0 may remove what an ended context has left.
 * One context makes at most a sixteenth of what can be marked on the machine (ENOSPC), all that are no servers together half.
 * Not a second name space: a key or a name that another context uses is taken (EACCES). A virtual server has an IPC
 * namespace of its own, with all names free. */
#ifndef VS_IPC_H
#define VS_IPC_H

#include "owner.h"
#include "process.h"

#define MQUEUE_MAGIC 0x19800202
#define IPC_RMID 0
#define IPC_STAT 2
#define IPC_WRITE 0222

#define MOST_OBJECTS (1 << 18)
#define MOST_OF_CONTEXT (MOST_OBJECTS / 16)
#define MOST_BARE (MOST_OBJECTS / 2)

/* Every System V object that is not of context 0, by the address of its permissions; gone when it is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOST_OBJECTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct owner);
} objects SEC(".maps");

/* How many of them each context has, with those of earlier contexts of its number; and all that were made in no server. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VS_LAST + 1);
	__type(key, __u32);
	__type(value, __u32);
} object_counts SEC(".maps");

static volatile __u64 bare_objects;

/* How many of them stand in the main server's IPC namespace. */
static volatile __u64 listed_objects;

static __always_inline bool in_host_ipc(void)
{
	struct task_struct *init = bpf_task_from_pid(INIT_PID);
	struct ipc_namespace *host;

	if (!init)
		return true;
	host = BPF_CORE_READ(init, nsproxy, ipc_ns);
	bpf_task_release(init);
	return host == BPF_CORE_READ(bpf_get_current_task_btf(), nsproxy, ipc_ns);
}

static __always_inline void uncount_object(struct owner *owner)
{
	__u32 xid = owner->xid, *count = bpf_map_lookup_elem(&object_counts, &xid);

	if (count)
		__sync_fetch_and_sub(count, 1);
	if (owner->is_bare)
		__sync_fetch_and_sub(&bare_objects, 1);
}

static __always_inline int count_object(struct owner *owner)
{
	__u32 xid = owner->xid, *count = bpf_map_lookup_elem(&object_counts, &xid);
	bool full;

	if (!count)
		return -ENOMEM;
	full = __sync_fetch_and_add(count, 1) >= MOST_OF_CONTEXT;
	if (owner->is_bare)
		full |= __sync_fetch_and_add(&bare_objects, 1) >= MOST_BARE;
	if (full)
		uncount_object(owner);
	return errno_if(full, -ENOSPC);
}

static __always_inline int mark_object(struct kern_ipc_perm *object)
{
	__u64 key = (__u64)object;
	__u32 xid = own_xid();
	struct owner mark;
	int error;

	if (xid == VS_HOST)
		return 0;
	mark = mark_of(xid);
	mark.is_listed = in_host_ipc();
	mark.is_bare = !is_server(xid);
	error = count_object(&mark);
	if (error)
		return error;
	if (bpf_map_update_elem(&objects, &key, &mark, BPF_ANY)) {
		uncount_object(&mark);
		return -ENOMEM;
	}
	if (mark.is_listed)
		__sync_fetch_and_add(&listed_objects, 1);
	return 0;
}

static __always_inline void forget_object(struct kern_ipc_perm *object)
{
	__u64 key = (__u64)object;
	struct owner *owner = bpf_map_lookup_elem(&objects, &key);

	if (!owner)
		return;
	if (owner->is_listed)
		__sync_fetch_and_sub(&listed_objects, 1);
	uncount_object(owner);
	bpf_map_delete_elem(&objects, &key);
}

static __always_inline struct owner *owner_of_object(struct kern_ipc_perm *object)
{
	__u64 key = (__u64)object;

	return bpf_map_lookup_elem(&objects, &key);
}

/* The calls that tell about objects; those that use them ask for the same permissions. */
static __always_inline bool is_asking_about_ipc(void)
{
	int number = syscall_number();

	return !is_32bit_call() && (number == __NR_shmctl || number == __NR_semctl || number == __NR_msgctl);
}

static __always_inline int check_object(struct kern_ipc_perm *object, int wanted)
{
	__u32 xid = own_xid();

	if (belongs_to(owner_of_object(object), xid))
		return 0;
	return errno_if(xid != VS_SPECTATOR || wanted & IPC_WRITE || !is_asking_about_ipc(), -EACCES);
}

/* Commands by the object's owner do not ask for permissions. `looking`: those that only report. */
static __always_inline int check_control(struct kern_ipc_perm *object, int command, bool looking)
{
	struct owner *owner;
	__u32 xid;

	if (!object)
		return 0;
	xid = own_xid();
	owner = owner_of_object(object);
	if (belongs_to(owner, xid) || (xid == VS_SPECTATOR && looking))
		return 0;
	return errno_if(xid != VS_HOST || command != IPC_RMID || !owner || is_alive(owner), -EPERM);
}

#define MARKS(program)                                     \
	int BPF_PROG(program, struct kern_ipc_perm *object) \
	{                                                   \
		return mark_object(object);                 \
	}
#define FORGETS(program)                                   \
	int BPF_PROG(program, struct kern_ipc_perm *object) \
	{                                                   \
		forget_object(object);                      \
		return 0;                                   \
	}
#define FINDS(program)                                     \
	int BPF_PROG(program, struct kern_ipc_perm *object) \
	{                                                   \
		return check_object(object, IPC_WRITE);     \
	}
/* Commands that only report: IPC_STAT, and each kind's own STAT, INFO and STAT_ANY, which follow each other. */
#define CONTROLS(program, first)                                                                                \
	int BPF_PROG(program, struct kern_ipc_perm *object, int command)                                        \
	{                                                                                                       \
		return check_control(object, command,                                                           \
				     command == IPC_STAT || (command >= (first) && command <= (first) + 2)); \
	}

SEC("lsm/shm_alloc_security")
MARKS(vs_shm_alloc)
SEC("lsm/shm_free_security")
FORGETS(vs_shm_free)
SEC("lsm/shm_associate")
FINDS(vs_shm_associate)
SEC("lsm/shm_shmctl")
CONTROLS(vs_shm_control, 13)

SEC("lsm/sem_alloc_security")
MARKS(vs_sem_alloc)
SEC("lsm/sem_free_security")
FORGETS(vs_sem_free)
SEC("lsm/sem_associate")
FINDS(vs_sem_associate)
SEC("lsm/sem_semctl")
CONTROLS(vs_sem_control, 18)

SEC("lsm/msg_queue_alloc_security")
MARKS(vs_msg_queue_alloc)
SEC("lsm/msg_queue_free_security")
FORGETS(vs_msg_queue_free)
SEC("lsm/msg_queue_associate")
FINDS(vs_msg_queue_associate)
SEC("lsm/msg_queue_msgctl")
CONTROLS(vs_msg_queue_control, 11)

SEC("lsm/ipc_permission")
int BPF_PROG(vs_ipc_permission, struct kern_ipc_perm *object, short wanted)
{
	return check_object(object, wanted);
}

/* For an open of /proc/sysvipc/KIND, which lists everything in the opener's IPC namespace. */
static __always_inline bool is_foreign_listing(void)
{
	__u32 xid = own_xid();

	if (xid == VS_SPECTATOR || !in_host_ipc())
		return false;
	return xid != VS_HOST || listed_objects;
}

/* Message queues are files of a file system of their own: the mark goes with the inode. */
struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct owner);
} queues SEC(".maps");

static __always_inline bool is_queue(struct inode *inode)
{
	return (inode->i_mode & S_IFMT) != S_IFDIR;
}

static __always_inline bool is_foreign_queue(struct inode *inode, __u32 xid)
{
	return is_queue(inode) && !belongs_to(bpf_inode_storage_get(&queues, inode, 0, 0), xid);
}

static __always_inline int check_open_of_queue(struct file *file)
{
	return errno_if(is_foreign_queue(file->f_inode, own_xid()), -EACCES);
}

static __always_inline int check_look_at_queue(struct inode *inode)
{
	__u32 xid = own_xid();

	return errno_if(xid != VS_SPECTATOR && is_foreign_queue(inode, xid), -EACCES);
}

/* Unlink, chmod, chown; root of context 0 may clear away what an ended context has left. */
static __always_inline int check_change_of_queue(struct inode *inode)
{
	__u32 xid = own_xid();
	struct owner *owner;

	if (!inode || !is_foreign_queue(inode, xid))
		return 0;
	owner = bpf_inode_storage_get(&queues, inode, 0, 0);
	return errno_if(xid != VS_HOST || !owner || is_alive(owner), -EACCES);
}

/* A queue that cannot be marked stays context 0's, and its maker cannot open it. */
SEC("lsm/d_instantiate")
int BPF_PROG(vs_d_instantiate, struct dentry *dentry, struct inode *inode)
{
	struct owner mark;
	__u32 xid;

	if (!inode || inode->i_sb->s_magic != MQUEUE_MAGIC || !is_queue(inode))
		return 0;
	xid = own_xid();
	if (xid == VS_HOST)
		return 0;
	mark = mark_of(xid);
	bpf_inode_storage_get(&queues, inode, &mark, BPF_LOCAL_STORAGE_GET_F_CREATE);
	return 0;
}

#endif

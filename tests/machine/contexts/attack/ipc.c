/* System V IPC, message queues, abstract sockets and keys of another process, by key, by name and by id. */
#include "attack.h"
#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Everybody may do everything with what the victim makes, so that only its context stands in the way. */
#define OPEN_TO_ALL 0666
#define KEY_OPEN_TO_ALL 0x3f3f3f3f

struct objects {
	int shm, sem, msg, key;
};

static const char *note_of(int pid)
{
	static char path[64];

	snprintf(path, sizeof path, "/tmp/objects-%d", pid);
	return path;
}

static const char *queue_of(int pid)
{
	static char name[64];

	snprintf(name, sizeof name, "/attack-%d", pid);
	return name;
}

static socklen_t abstract(struct sockaddr_un *address, int pid, const char *kind)
{
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	return (socklen_t)(sizeof address->sun_family + 1 +
			   (size_t)snprintf(address->sun_path + 1, 64, "attack-%d-%s", pid, kind));
}

static int named_socket(int type, int pid, const char *kind)
{
	struct sockaddr_un address;
	socklen_t size = abstract(&address, pid, kind);
	int descriptor = socket(AF_UNIX, type, 0);

	return bind(descriptor, (void *)&address, size);
}

static int listening_socket(int pid)
{
	struct sockaddr_un address;
	socklen_t size = abstract(&address, pid, "stream");
	int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);

	return bind(descriptor, (void *)&address, size) < 0 ? -1 : listen(descriptor, 8);
}

/* One of each, and where to find them. */
int make_objects(void)
{
	struct mq_attr small = {.mq_maxmsg = 2, .mq_msgsize = 8};
	int pid = getpid(), note;
	struct objects made = {
		.shm = shmget(pid, 4096, IPC_CREAT | IPC_EXCL | OPEN_TO_ALL),
		.sem = semget(pid, 1, IPC_CREAT | IPC_EXCL | OPEN_TO_ALL),
		.msg = msgget(pid, IPC_CREAT | IPC_EXCL | OPEN_TO_ALL),
		.key = (int)syscall(SYS_add_key, "user", queue_of(pid), "x", 1, KEY_SPEC_SESSION_KEYRING),
	};
	mqd_t queue = mq_open(queue_of(pid), O_CREAT | O_EXCL | O_RDWR, OPEN_TO_ALL, &small);

	if (made.shm < 0 || made.sem < 0 || made.msg < 0 || made.key < 0 || queue == (mqd_t)-1)
		return -errno;
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, made.key, KEY_OPEN_TO_ALL) < 0 || listening_socket(pid) < 0 ||
	    named_socket(SOCK_DGRAM, pid, "dgram") < 0)
		return -errno;
	note = open(note_of(pid), O_CREAT | O_WRONLY | O_TRUNC, 0644);
	if (write(note, &made, sizeof made) != sizeof made)
		return -errno;
	fchmod(note, 0644);
	close(note);
	return 0;
}

static struct objects objects_of(const struct target *t)
{
	struct objects made = {-1, -1, -1, -1};
	int note = open(note_of(t->pid), O_RDONLY);

	if (read(note, &made, sizeof made) != sizeof made)
		exit(3);
	close(note);
	return made;
}

static int attach(int id, int flags)
{
	void *at = shmat(id, NULL, flags);

	if (at == (void *)-1)
		return -errno;
	shmdt(at);
	return 0;
}

static int queue_opened(const struct target *t, int flags)
{
	mqd_t queue = mq_open(queue_of(t->pid), flags);

	if (queue == (mqd_t)-1)
		return -errno;
	mq_close(queue);
	return 0;
}

static int sent(const struct target *t, int type, const char *kind)
{
	struct sockaddr_un address;
	socklen_t size = abstract(&address, t->pid, kind);
	int descriptor = socket(AF_UNIX, type, 0), result;

	if (type == SOCK_STREAM)
		result = TRY(connect(descriptor, (void *)&address, size));
	else
		result = TRY(sendto(descriptor, "x", 1, MSG_DONTWAIT, (void *)&address, size));
	close(descriptor);
	return result;
}

static int connected(const struct target *t)
{
	struct sockaddr_un address;
	socklen_t size = abstract(&address, t->pid, "dgram");
	int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0), result = TRY(connect(descriptor, (void *)&address, size));

	close(descriptor);
	return result;
}

static int queue_file(const struct target *t)
{
	char path[96];
	struct stat status;

	snprintf(path, sizeof path, "/dev/mqueue%s", queue_of(t->pid));
	return TRY(stat(path, &status));
}

static int queue_file_mode(const struct target *t)
{
	char path[96];

	snprintf(path, sizeof path, "/dev/mqueue%s", queue_of(t->pid));
	return TRY(chmod(path, OPEN_TO_ALL));
}

#define ATTEMPT(function, work)                                   \
	static int function(const struct target *t)                 \
	{                                                          \
		struct objects of = objects_of(t);                 \
		char room[512] = "";                               \
		(void)of, (void)room;                              \
		return work;                                       \
	}
#define KEY(operation, ...) TRY(syscall(SYS_keyctl, operation, of.key, __VA_ARGS__))

static struct sembuf up = {0, 1, IPC_NOWAIT};
static struct {
	long type;
	char text[8];
} letter = {1, "x"};

ATTEMPT(shm_by_key, TRY(shmget(t->pid, 0, 0)))
ATTEMPT(shm_read, attach(of.shm, SHM_RDONLY))
ATTEMPT(shm_write, attach(of.shm, 0))
ATTEMPT(shm_stat, TRY(shmctl(of.shm, IPC_STAT, (void *)room)))
ATTEMPT(shm_lock, TRY(shmctl(of.shm, SHM_LOCK, NULL)))
ATTEMPT(shm_by_key32, (int)call32(395, t->pid, 0, 0, 0, 0) < 0 ? (int)call32(395, t->pid, 0, 0, 0, 0) : 0)
ATTEMPT(shm_stat32, (int)call32(396, of.shm, IPC_STAT, (long)low_memory(), 0, 0))
ATTEMPT(sem_by_key, TRY(semget(t->pid, 0, 0)))
ATTEMPT(sem_op, TRY(semop(of.sem, &up, 1)))
ATTEMPT(sem_value, TRY(semctl(of.sem, 0, GETVAL)))
ATTEMPT(sem_set, TRY(semctl(of.sem, 0, SETVAL, 1)))
ATTEMPT(sem_stat, TRY(semctl(of.sem, 0, IPC_STAT, room)))
ATTEMPT(msg_by_key, TRY(msgget(t->pid, 0)))
ATTEMPT(msg_send, TRY(msgsnd(of.msg, &letter, 1, IPC_NOWAIT)))
ATTEMPT(msg_receive, TRY(msgrcv(of.msg, room, 8, 0, IPC_NOWAIT)))
ATTEMPT(msg_stat, TRY(msgctl(of.msg, IPC_STAT, (void *)room)))
ATTEMPT(queue_open, queue_opened(t, O_RDWR))
ATTEMPT(queue_read, queue_opened(t, O_RDONLY))
ATTEMPT(queue_stat, queue_file(t))
ATTEMPT(queue_mode, queue_file_mode(t))
ATTEMPT(stream, sent(t, SOCK_STREAM, "stream"))
ATTEMPT(datagram, sent(t, SOCK_DGRAM, "dgram"))
ATTEMPT(datagram_connect, connected(t))
ATTEMPT(key_describe, KEY(KEYCTL_DESCRIBE, room, sizeof room))
ATTEMPT(key_read, KEY(KEYCTL_READ, room, sizeof room))
ATTEMPT(key_update, KEY(KEYCTL_UPDATE, "y", 1))
ATTEMPT(key_link, KEY(KEYCTL_LINK, KEY_SPEC_PROCESS_KEYRING))
ATTEMPT(key_mode, KEY(KEYCTL_SETPERM, KEY_OPEN_TO_ALL))
ATTEMPT(key_read32, (int)call32(288, KEYCTL_READ, of.key, (long)low_memory(), 64, 0) < 0 ? -EACCES : 0)
ATTEMPT(shm_remove, TRY(shmctl(of.shm, IPC_RMID, NULL)))
ATTEMPT(sem_remove, TRY(semctl(of.sem, 0, IPC_RMID)))
ATTEMPT(msg_remove, TRY(msgctl(of.msg, IPC_RMID, NULL)))
ATTEMPT(queue_remove, TRY(mq_unlink(queue_of(t->pid))))
ATTEMPT(key_revoke, KEY(KEYCTL_REVOKE, 0))

const struct attempt ipc[] = {
	{"shmget", shm_by_key},
	{"shmat to read", shm_read},
	{"shmat to write", shm_write},
	{"shmctl IPC_STAT", shm_stat},
	{"shmctl SHM_LOCK", shm_lock},
	{"32-bit shmget", shm_by_key32},
	{"32-bit shmctl IPC_STAT", shm_stat32},
	{"semget", sem_by_key},
	{"semop", sem_op},
	{"semctl GETVAL", sem_value},
	{"semctl SETVAL", sem_set},
	{"semctl IPC_STAT", sem_stat},
	{"msgget", msg_by_key},
	{"msgsnd", msg_send},
	{"msgrcv", msg_receive},
	{"msgctl IPC_STAT", msg_stat},
	{"mq_open", queue_open},
	{"mq_open to read", queue_read},
	{"stat of a queue", queue_stat},
	{"chmod of a queue", queue_mode},
	{"connect to an abstract stream socket", stream},
	{"sendto an abstract datagram socket", datagram},
	{"connect to an abstract datagram socket", datagram_connect},
	{"keyctl describe", key_describe},
	{"keyctl read", key_read},
	{"keyctl update", key_update},
	{"keyctl link", key_link},
	{"keyctl setperm", key_mode},
	{"32-bit keyctl read", key_read32},
	{"shmctl IPC_RMID", shm_remove},
	{"semctl IPC_RMID", sem_remove},
	{"msgctl IPC_RMID", msg_remove},
	{"mq_unlink", queue_remove},
	{"keyctl revoke", key_revoke},
	{NULL, NULL},
};

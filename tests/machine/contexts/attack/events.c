/* Every way to hear what other processes do. */
#include "attack.h"
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <sys/fanotify.h>
#include <sys/socket.h>

static int by_connector(const struct target *t)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	int descriptor = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR), result;

	(void)t;
	if (descriptor < 0)
		return -errno;
	result = TRY(bind(descriptor, (void *)&address, sizeof address));
	close(descriptor);
	return result;
}

static int fanotify(unsigned int class, unsigned int what, uint64_t mask)
{
	int queue = fanotify_init(class, O_RDONLY), result;

	if (queue < 0)
		return -errno;
	result = TRY(fanotify_mark(queue, FAN_MARK_ADD | what, mask, AT_FDCWD, "/tmp"));
	close(queue);
	return result;
}

static int by_mount(const struct target *t)
{
	(void)t;
	return fanotify(FAN_CLASS_NOTIF, FAN_MARK_MOUNT, FAN_OPEN);
}

static int by_file_system(const struct target *t)
{
	(void)t;
	return fanotify(FAN_CLASS_NOTIF, FAN_MARK_FILESYSTEM, FAN_OPEN);
}

static int by_permission(const struct target *t)
{
	(void)t;
	return fanotify(FAN_CLASS_CONTENT, 0, FAN_OPEN_PERM | FAN_EVENT_ON_CHILD);
}

static int by_perf(unsigned int type, uint64_t config, int number, int processor)
{
	struct perf_event_attr what = {.type = type, .size = sizeof what, .config = config};
	int descriptor = (int)syscall(SYS_perf_event_open, &what, number, processor, -1, 0);

	if (descriptor < 0)
		return -errno;
	close(descriptor);
	return 0;
}

static int by_processor(const struct target *t)
{
	(void)t;
	return by_perf(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, -1, 0);
}

const struct attempt events[] = {
	{"process connector", by_connector},
	{"fanotify on a mount", by_mount},
	{"fanotify on a file system", by_file_system},
	{"fanotify that asks", by_permission},
	{"perf on a processor", by_processor},
	{NULL, NULL},
};

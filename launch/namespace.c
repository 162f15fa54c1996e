/* Makes a mount namespace whose number is higher than that of the one before, for only such a one can be pinned there. */
#define _GNU_SOURCE
#include "launch.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* linux/nsfs.h since Linux 6.11; older kernels number all in one line. */
#define NS_GET_MNTNS_ID _IOR(0xb7, 5, uint64_t)

/* 0 where the kernel does not tell. */
static uint64_t number_of(int namespace)
{
	uint64_t number;
	return ioctl(namespace, NS_GET_MNTNS_ID, &number) < 0 ? 0 : number;
}

/* 1 when the new namespace has a higher number than `before`, which is number `low`; 0 when not, and -1 for a failure. */
static int make(int before, uint64_t low)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -1;
	int made = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (made < 0)
		return -1;
	int higher = low == 0 || number_of(made) > low;
	close(made);
	if (higher)
		return 1;
	return setns(before, CLONE_NEWNS) < 0 ? -1 : 0;
}

STEP(mount_namespace)
{
	cpu_set_t all, one;
	int before = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (before < 0)
		return errno;
	uint64_t low = number_of(before);
	int made = make(before, low);
	if (made == 0 && sched_getaffinity(0, sizeof all, &all) == 0) {
		for (int processor = 0; processor < CPU_SETSIZE && made == 0; processor++) {
			CPU_ZERO(&one);
			CPU_SET(processor, &one);
			if (CPU_ISSET(processor, &all) && sched_setaffinity(0, sizeof one, &one) == 0)
				made = make(before, low);
		}
		int number = errno;
		sched_setaffinity(0, sizeof all, &all);
		errno = number;
	}
	int number = made > 0 ? 0 : made < 0 ? errno : ELOOP;
	close(before);
	return number;
}

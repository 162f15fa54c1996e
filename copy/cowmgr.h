/* The parts of cowmgr: requests of the kernel half, the file that is asked for, a copy of it, and the exchange of both. */
#ifndef COWMGR_H
#define COWMGR_H
#include "abi.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* kernel.c */
/* Makes this process the one that copies, and gives the descriptor to wait for; -1 with errno: EBUSY when one is there. */
int become_copier(void);
/* False when no server has the flag any more: then it is not the copier from here on. */
bool stay_copier(void);
/* The next request of the ring; false when there is none. */
bool next_request(uint32_t *xid, uint64_t *id);
/* The request of a server, whatever its state; false when it has no slot. */
bool read_request(uint32_t xid, struct vs_copy *request);
/* The next context after `*xid` with a slot; begins with the first when `*xid` is 0. */
bool next_server(uint32_t *xid);
/* Lets the caller of the request go on: `error` is 0 or what it gets. */
void end_request(uint32_t xid, uint64_t id, int error);

/* A file where its server has it. */
struct place {
	int directory, file; /* the file open for reading */
	const char *name;
	struct stat status;
};

/* place.c */
/* 0 or an errno: ENOENT when the request does not lead to a marked file with several names in the server's tree. */
int find_place(const struct vs_copy *request, struct place *place);

/* duplicate.c */
/* A file without a name in the directory of the place, like the one there but for the mark. -1 with errno. */
int duplicate(const struct place *place, uid_t user);

/* swap.c */
/* Gives the name in the server to the copy; 0 or an errno, and then the name has what it had. */
int swap(const struct vs_copy *request, const struct place *place, int copy);
/* Removes what a killed cowmgr has left beside the tree `root`. */
void clean_beside(const char *root);

#endif

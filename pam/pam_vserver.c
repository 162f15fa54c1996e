/*
 * pam_vserver.so [conf=FILE]: ties the session of a user to the addresses that FILE names for it.
 *
 * A session module: it runs in the process that is about to become the user's, so the session cannot leave the rule, and
 * everything in it inherits it, whatever shell it has. FILE (/etc/security/vserver.conf) has lines `USER ADDRESS[/BITS]…`;
 * a user without a line is not tied. A user with a line that cannot be followed gets no session.
 */
#define _GNU_SOURCE
#define PAM_SM_SESSION
#include "abi.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

/* Adds ADDRESS[/BITS] behind those that are there; the IPv4 ones must come first. */
static bool add(struct vs_call *call, char *word)
{
	char *slash = strchr(word, '/'), *end = "";
	unsigned char *at = call->addresses + 16 * call->count;
	long bits = -1;

	if (call->count == VS_MOST_ADDRESSES)
		return false;
	if (slash != NULL) {
		*slash = '\0';
		bits = strtol(slash + 1, &end, 10);
		if (end == slash + 1 || *end != '\0' || bits < 0)
			return false;
	}
	if (strchr(word, ':') != NULL) {
		if (bits > 128 || inet_pton(AF_INET6, word, at) != 1)
			return false;
		call->prefixes[call->count++] = (unsigned char)(bits < 0 ? 64 : bits);
		return true;
	}
	if (bits > 32 || call->count4 != call->count || inet_pton(AF_INET, word, at + 12) != 1)
		return false;
	memset(at, 0, 10);
	memset(at + 10, 0xff, 2);
	call->prefixes[call->count++] = (unsigned char)(96 + (bits < 0 ? 24 : bits));
	call->count4++;
	return true;
}

enum found { NO_LINE, GOOD_LINE, BAD_LINE };

static enum found read_line(FILE *file, const char *user, struct vs_call *call)
{
	char *line = NULL, *rest;
	size_t size = 0;
	enum found found = NO_LINE;

	while (found == NO_LINE && getline(&line, &size, file) >= 0) {
		char *word = strtok_r(line, " \t\n", &rest);
		if (word == NULL || *word == '#' || strcmp(word, user) != 0)
			continue;
		found = GOOD_LINE;
		while (found == GOOD_LINE && (word = strtok_r(NULL, " \t\n", &rest)) != NULL && *word != '#')
			found = add(call, word) ? GOOD_LINE : BAD_LINE;
		if (call->count == 0)
			found = BAD_LINE;
	}
	free(line);
	return found;
}

/* 0, or the errno. */
static int tie(struct vs_call *call)
{
	union bpf_attr attributes = { .pathname = (unsigned long)VS_PIN_DIRECTORY "/call" };
	int program = (int)syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes), error;

	if (program < 0)
		return errno;
	memset(&attributes, 0, sizeof attributes);
	attributes.test.prog_fd = (unsigned)program;
	attributes.test.ctx_in = (unsigned long)call;
	attributes.test.ctx_size_in = sizeof *call;
	error = syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof attributes) < 0 ? errno : -call->result;
	close(program);
	return error;
}

int pam_sm_open_session(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	struct vs_call call = { .version = VS_ABI_VERSION, .operation = VS_OP_ADDRESS, .ceiling = ~0ull };
	const char *path = "/etc/security/vserver.conf", *user;
	enum found found;
	FILE *file;
	int error;

	(void)flags;
	for (int at = 0; at < argc; at++)
		if (strncmp(argv[at], "conf=", 5) == 0)
			path = argv[at] + 5;
	if (pam_get_user(pam, &user, NULL) != PAM_SUCCESS)
		return PAM_SESSION_ERR;
	file = fopen(path, "re");
	if (file == NULL && errno == ENOENT)
		return PAM_SUCCESS;
	if (file == NULL) {
		pam_syslog(pam, LOG_ERR, "cannot read %s: %m", path);
		return PAM_SESSION_ERR;
	}
	found = read_line(file, user, &call);
	fclose(file);
	if (found == NO_LINE)
		return PAM_SUCCESS;
	if (found == BAD_LINE) {
		pam_syslog(pam, LOG_ERR, "%s: the line of %s is not USER ADDRESS[/BITS]..., IPv4 first, 16 at most", path, user);
		return PAM_SESSION_ERR;
	}
	error = tie(&call);
	if (error == 0)
		return PAM_SUCCESS;
	errno = error;
	pam_syslog(pam, LOG_ERR, "cannot tie %s to its addresses: %m; see vkernel status", user);
	return PAM_SESSION_ERR;
}

int pam_sm_close_session(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	(void)pam, (void)flags, (void)argc, (void)argv;
	return PAM_SUCCESS;
}

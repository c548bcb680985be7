/* SPDX-License-Identifier: MIT */
/* sockets: what processes talk through. */

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "task.h"
#include "text.h"

/* The guest's numbers: include/linux/socket.h, include/net/tcp_states.h of the kernel. */
enum { FAMILY_UNIX = 1, FAMILY_INET = 2, FAMILY_INET6 = 10, NAME_BYTES = 16 };

struct named {
	unsigned number;
	const char *name;
};

static const struct named families[] = {
	{FAMILY_UNIX, "unix"}, {FAMILY_INET, "inet"}, {FAMILY_INET6, "inet6"},
	{16, "netlink"},       {17, "packet"},        {31, "bluetooth"},
	{38, "alg"},           {40, "vsock"},         {0, NULL},
};
static const struct named types[] = {
	{1, "stream"}, {2, "dgram"}, {3, "raw"}, {5, "seqpacket"}, {10, "packet"}, {0, NULL},
};
static const struct named states[] = {
	{1, "ESTABLISHED"}, {2, "SYN_SENT"},  {3, "SYN_RECV"}, {4, "FIN_WAIT1"},
	{5, "FIN_WAIT2"},   {6, "TIME_WAIT"}, {7, "CLOSE"},    {8, "CLOSE_WAIT"},
	{9, "LAST_ACK"},    {10, "LISTEN"},   {11, "CLOSING"}, {0, NULL},
};
static const struct named protocols[] = {
	{1, "icmp"},   {6, "tcp"},       {17, "udp"},    {58, "icmp6"},
	{132, "sctp"}, {136, "udplite"}, {262, "mptcp"}, {0, NULL},
};

/* Its name, or the number. */
static const char *name_of(const struct named *named, unsigned number, char text[NAME_BYTES])
{
	for (; named->name; named++)
		if (named->number == number)
			return named->name;
	snprintf(text, NAME_BYTES, "%u", number);
	return text;
}

static bool is_inet(const struct vmi_socket *socket)
{
	return socket->family == FAMILY_INET || socket->family == FAMILY_INET6;
}

static const char *protocol_name(const struct vmi_socket *socket, char text[NAME_BYTES])
{
	static const struct named none[] = {{0, NULL}};

	return name_of(is_inet(socket) ? protocols : none, socket->protocol, text);
}

static void address_text(const struct vmi_socket *socket, const uint8_t *address,
			 char text[INET6_ADDRSTRLEN])
{
	int family = socket->family == FAMILY_INET ? AF_INET : AF_INET6;

	inet_ntop(family, address, text, INET6_ADDRSTRLEN);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_end_point(struct out *out, const struct vmi_socket *socket, const char *address,
			   const char *port, const uint8_t *bytes, uint16_t number)
{
	char text[INET6_ADDRSTRLEN];

	address_text(socket, bytes, text);
	json_key(out, address);
	json_name(out, text);
	json_key(out, port);
	json_size(out, number);
}

static void print_json(struct out *out, const struct vmi_task *task,
		       const struct vmi_socket *socket)
{
	char text[NAME_BYTES];

	json_begin(out);
	json_key(out, "pid");
	json_size(out, (uint64_t)task->pid);
	json_key(out, "fd");
	json_size(out, (uint64_t)socket->fd);
	json_key(out, "inode");
	json_size(out, socket->inode);
	json_key(out, "family");
	json_name(out, name_of(families, socket->family, text));
	json_key(out, "type");
	json_name(out, name_of(types, socket->type, text));
	json_key(out, "protocol");
	json_name(out, protocol_name(socket, text));
	json_key(out, "state");
	json_name(out, name_of(states, socket->state, text));
	if (is_inet(socket)) {
		json_end_point(out, socket, "local_address", "local_port", socket->local,
			       socket->local_port);
		json_end_point(out, socket, "remote_address", "remote_port", socket->remote,
			       socket->remote_port);
	}
	if (socket->family == FAMILY_UNIX) {
		json_key(out, "path");
		json_guest_text(out, socket->path);
	}
	json_key(out, "sock");
	json_hex(out, socket->sock);
	json_end(out);
}

/* ---- text ----------------------------------------------------------------------------------- */

enum { END_POINT_BYTES = INET6_ADDRSTRLEN + 16, LOCAL_WIDTH = 22 };

static void end_point_text(const struct vmi_socket *socket, const uint8_t *bytes, uint16_t number,
			   char whole[END_POINT_BYTES])
{
	char text[INET6_ADDRSTRLEN];

	address_text(socket, bytes, text);
	snprintf(whole, END_POINT_BYTES, socket->family == FAMILY_INET ? "%s:%u" : "[%s]:%u", text,
		 number);
}

static void print_text(struct out *out, const struct vmi_task *task,
		       const struct vmi_socket *socket)
{
	char family[NAME_BYTES], type[NAME_BYTES], protocol[NAME_BYTES], state[NAME_BYTES];
	char local[END_POINT_BYTES], remote[END_POINT_BYTES];

	out_format(out, "%6d %4" PRId32 " %-7s %-9s %-8s %-11s", task->pid, socket->fd,
		   name_of(families, socket->family, family), name_of(types, socket->type, type),
		   protocol_name(socket, protocol), name_of(states, socket->state, state));
	if (is_inet(socket)) {
		end_point_text(socket, socket->local, socket->local_port, local);
		end_point_text(socket, socket->remote, socket->remote_port, remote);
		out_format(out, " %-*s %s", LOCAL_WIDTH, local, remote);
	} else if (socket->path) {
		out_format(out, " %-*" PRIu64 " ", LOCAL_WIDTH, socket->inode);
		text_put(out, socket->path, strlen(socket->path));
	} else {
		out_format(out, " %" PRIu64, socket->inode);
	}
	out_line_end(out);
}

static enum vmi_status print_process(struct cli *cli, struct vmi_os *os,
				     const struct vmi_task *task, struct vmi_error *err)
{
	struct vmi_socket_list list;
	enum vmi_status status = vmi_sockets(os, task, &list, err);

	if (status)
		return status;
	for (size_t i = 0; i < list.count && !cli->out.error; i++) {
		if (cli->out.json)
			print_json(&cli->out, task, &list.socket[i]);
		else
			print_text(&cli->out, task, &list.socket[i]);
	}
	vmi_socket_list_free(&list);
	return VMI_OK;
}

static enum cli_status run(struct cli *cli)
{
	return for_each_process(cli,
				"   PID   FD FAMILY  TYPE      PROTOCOL STATE       "
				"LOCAL/INODE            REMOTE/NAME",
				print_process);
}

const struct command command_sockets = {
	.name = "sockets",
	.args = "",
	.summary = "sockets of processes",
	.help = "List the sockets that processes have open: process, file number, family, type,\n"
		"protocol, state, and addresses and ports, or inode and name. --pid: of one only.",
	.options = OPTIONS_OS | OPTION(OPT_PID) | OPTION(OPT_PROCESS),
	.run = run,
};

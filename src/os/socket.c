/* SPDX-License-Identifier: MIT */
/* The sockets among the open files of a process: struct sock and what families add to it. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "text.h"

enum {
	/* Of the guest: include/linux/socket.h, include/uapi/linux/stat.h */
	FAMILY_UNIX = 1,
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	MODE_TYPE = 0170000,
	MODE_SOCKET = 0140000,
	UNIX_NAME_MAX = 108, /* include/uapi/linux/un.h */
	SOCKETS_LEAST = 16,
};

struct socket_fields {
	struct field private_data, sk, family, state, type, protocol, num, dport, daddr, saddr;
	struct field daddr6, saddr6, unix_addr, addr_len, addr_name;
};

#define WANT(structure, path, member)                                                              \
	{                                                                                          \
		structure, path, offsetof(struct socket_fields, member), false                     \
	}
#define WANT_IF(structure, path, member)                                                           \
	{                                                                                          \
		structure, path, offsetof(struct socket_fields, member), true                      \
	}

static const struct field_want wants[] = {
	WANT("file", "private_data", private_data),
	WANT("socket", "sk", sk),
	WANT("sock", "__sk_common.skc_family", family),
	WANT("sock", "__sk_common.skc_state", state),
	WANT("sock", "__sk_common.skc_num", num),
	WANT("sock", "__sk_common.skc_dport", dport),
	WANT("sock", "__sk_common.skc_daddr", daddr),
	WANT("sock", "__sk_common.skc_rcv_saddr", saddr),
	WANT("sock", "sk_type", type),
	WANT("sock", "sk_protocol", protocol),
	/* A kernel may be built without these families, or have them in modules. */
	WANT_IF("sock", "__sk_common.skc_v6_daddr", daddr6),
	WANT_IF("sock", "__sk_common.skc_v6_rcv_saddr", saddr6),
	WANT_IF("unix_sock", "addr", unix_addr),
	WANT_IF("unix_address", "len", addr_len),
	WANT_IF("unix_address", "name", addr_name),
};

struct walk {
	struct vmi_os *os;
	const struct vmi_task *task;
	struct socket_fields fields;
	struct vmi_socket *socket;
	size_t count;
	struct text *pool;
};

static enum vmi_status inet_fill(struct walk *walk, vmi_gva sk, struct vmi_socket *socket,
				 struct vmi_error *err)
{
	const struct socket_fields *f = &walk->fields;
	bool is_old = socket->family == FAMILY_INET;
	const struct field *local = is_old ? &f->saddr : &f->saddr6;
	const struct field *remote = is_old ? &f->daddr : &f->daddr6;
	size_t len = is_old ? 4 : 16;
	uint64_t number, port;
	enum vmi_status st = field_read(walk->os, sk, &f->num, &number, err);

	if (!st)
		st = field_read(walk->os, sk, &f->dport, &port, err);
	if (!st && local->is_there && remote->is_there) {
		st = os_read(walk->os, sk + local->offset, socket->local, len, err);
		if (!st)
			st = os_read(walk->os, sk + remote->offset, socket->remote, len, err);
	}
	if (st)
		return st;
	socket->local_port = (uint16_t)number;
	socket->remote_port = (uint16_t)(port << 8 | (port >> 8 & 0xff)); /* in network order */
	return VMI_OK;
}

/* Its name, a NUL of which is shown as @, as /proc/net/unix has it: abstract ones begin with one.
 */
static enum vmi_status unix_fill(struct walk *walk, vmi_gva sk, struct vmi_socket *socket,
				 struct vmi_error *err)
{
	const struct socket_fields *f = &walk->fields;
	char name[UNIX_NAME_MAX];
	vmi_gva address;
	uint64_t len;

	if (!f->unix_addr.is_there || !f->addr_len.is_there || !f->addr_name.is_there)
		return VMI_OK;
	enum vmi_status st = field_read(walk->os, sk, &f->unix_addr, &address, err);
	if (st || !address)
		return st;
	st = field_read(walk->os, address, &f->addr_len, &len, err);
	if (st)
		return st;
	/* Before the name is the family, two bytes. */
	if (len <= 2 || len > 2 + UNIX_NAME_MAX + 1)
		return VMI_OK;
	size_t count = len - 2 < sizeof(name) ? (size_t)len - 2 : sizeof(name);
	st = os_read(walk->os, address + f->addr_name.offset + 2, name, count, err);
	if (st)
		return st;
	if (*name && !name[count - 1])
		count--;
	for (size_t i = 0; i < count; i++)
		if (!name[i])
			name[i] = '@';
	socket->path = text_keep(&walk->pool, name, count);
	return socket->path ? VMI_OK : vmi_fail(err, VMI_ERR_NOMEM, "out of memory for sockets");
}

static enum vmi_status sock_fill(struct walk *walk, vmi_gva sk, struct vmi_socket *socket,
				 struct vmi_error *err)
{
	const struct socket_fields *f = &walk->fields;
	uint64_t family, state, type, protocol;
	enum vmi_status st = field_read(walk->os, sk, &f->family, &family, err);

	if (!st)
		st = field_read(walk->os, sk, &f->state, &state, err);
	if (!st)
		st = field_read(walk->os, sk, &f->type, &type, err);
	if (!st)
		st = field_read(walk->os, sk, &f->protocol, &protocol, err);
	if (st)
		return st;
	socket->sock = sk;
	socket->family = (uint16_t)family;
	socket->state = (uint8_t)state;
	socket->type = (uint16_t)type;
	socket->protocol = (uint16_t)protocol;
	if (family == FAMILY_UNIX)
		return unix_fill(walk, sk, socket, err);
	if (family == FAMILY_INET || family == FAMILY_INET6)
		return inet_fill(walk, sk, socket, err);
	return VMI_OK;
}

static enum vmi_status socket_take(struct walk *walk, const struct vmi_file *file,
				   struct vmi_error *err)
{
	struct vmi_socket socket = {.fd = file->fd, .inode = file->inode};
	vmi_gva at;
	enum vmi_status st = field_read(walk->os, file->file, &walk->fields.private_data, &at, err);

	if (!st)
		st = field_read(walk->os, at, &walk->fields.sk, &at, err);
	if (!st && !at)
		return VMI_OK; /* it is being closed */
	if (!st)
		st = sock_fill(walk, at, &socket, err);
	if (st == VMI_ERR_NOMEM)
		return st;
	if (st)
		os_problem(walk->os, "process %d: socket %" PRId32 " cannot be read: %s",
			   walk->task->pid, file->fd, err->text);
	else
		walk->socket[walk->count++] = socket;
	return VMI_OK;
}

static enum vmi_status sockets_walk(struct walk *walk, const struct vmi_file_list *files,
				    struct vmi_error *err)
{
	enum vmi_status st =
		fields_resolve(walk->os, wants, sizeof(wants) / sizeof(*wants), &walk->fields, err);

	if (st)
		return st;
	walk->socket = calloc(files->count + SOCKETS_LEAST, sizeof(*walk->socket));
	if (!walk->socket)
		return vmi_fail(err, VMI_ERR_NOMEM, "out of memory for sockets");
	for (size_t i = 0; !st && i < files->count; i++)
		if (files->file[i].path && (files->file[i].mode & MODE_TYPE) == MODE_SOCKET)
			st = socket_take(walk, &files->file[i], err);
	return st;
}

enum vmi_status vmi_sockets(struct vmi_os *os, const struct vmi_task *task,
			    struct vmi_socket_list *list, struct vmi_error *err)
{
	struct walk walk = {.os = os, .task = task};
	struct vmi_file_list files;
	enum vmi_status st = vmi_files(os, task, &files, err);

	if (st)
		return st;
	st = sockets_walk(&walk, &files, err);
	vmi_file_list_free(&files);
	struct vmi_socket_list found = {walk.socket, walk.count, walk.pool};
	if (st)
		vmi_socket_list_free(&found);
	else
		*list = found;
	return st;
}

void vmi_socket_list_free(struct vmi_socket_list *list)
{
	free(list->socket);
	text_free(list->text);
	*list = (struct vmi_socket_list){0};
}

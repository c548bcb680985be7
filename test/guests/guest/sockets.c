/* SPDX-License-Identifier: MIT */
/* A process with every kind of socket, over the loopback device. */

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest.h"

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	check(ioctl(fd, SIOCSIFFLAGS, &request), "loopback device");
	close(fd);
}

static int socket_at(int family, int kind, const void *address, socklen_t length)
{
	int fd = socket(family, kind, 0);

	check(fd, "socket");
	check(bind(fd, address, length), "bind");
	return fd;
}

/* A listener, and a connection to it that holds unread data. */
static void open_stream(const void *address, socklen_t length, int family)
{
	int listener = socket_at(family, SOCK_STREAM, address, length);
	int client = socket(family, SOCK_STREAM, 0);

	check(listen(listener, 5), "listen");
	check(client, "socket");
	check(connect(client, address, length), "connect");
	check(accept(listener, NULL, NULL), "accept");
	check(write(client, "not read yet", 12), "client");
}

static void open_internet(void)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(8080)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(8081)};

	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	open_stream(&four, sizeof(four), AF_INET);
	six.sin6_addr = in6addr_loopback;
	open_stream(&six, sizeof(six), AF_INET6);

	four.sin_port = htons(5353);
	socket_at(AF_INET, SOCK_DGRAM, &four, sizeof(four));
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	check(connect(udp, (const struct sockaddr *)&four, sizeof(four)), "udp");
	four.sin_port = htons(9);
	four.sin_addr.s_addr = htonl(INADDR_ANY);
	check(listen(socket_at(AF_INET, SOCK_STREAM, &four, sizeof(four)), 1), "listen");
	check(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "raw socket");
}

static void open_local(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int ends[2];

	strcpy(address.sun_path, "/mnt/tmp/a socket");
	open_stream(&address, sizeof(address), AF_UNIX);
	memcpy(address.sun_path, "\0abstract", 9);
	open_stream(&address, offsetof(struct sockaddr_un, sun_path) + 9, AF_UNIX);
	strcpy(address.sun_path, "/mnt/tmp/datagrams");
	socket_at(AF_UNIX, SOCK_DGRAM, &address, sizeof(address));
	check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), "socketpair");
	check(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "netlink");
}

void part_sockets(void)
{
	loopback_up();
	open_internet();
	open_local();
	settle();
}

/* SPDX-License-Identifier: MIT */
/*
 * The kernel's LZO1X (Documentation/staging/lzo.rst of Linux, since 5.1 with runs of zeros), which
 * no library reads. A stream is a sequence of instructions; each copies bytes that were unpacked
 * before, then up to 3 that follow it in the stream, its literals:
 *
 *	0000LLLL      without literals before: 3 + L literals; L 0: more than 18
 *	0000DDSS H    behind 1 to 3 literals:  2 bytes from H << 2 + D + 1 back
 *	              behind more of them:     3 bytes from H << 2 + D + 2049 back
 *	0001DLLL D D  2 + L bytes from 16384 + D back; D 0: the end
 *	001LLLLL D D  2 + L bytes from 1 + D back
 *	01LDDDSS H    3 + L bytes from H << 3 + D + 1 back
 *	1LLDDDSS H    5 + L bytes from H << 3 + D + 1 back
 *
 * S is the number of literals; of a D of two bytes it is the lowest two bits. An L of 0 goes on in
 * bytes of its own. In version 1, 0001 1LLL with a D of all ones is 4 + L zeros, L going on in a
 * third byte.
 */

#include <stdbool.h>
#include <string.h>

#include "lzo.h"

enum {
	VERSION_MARK = 17,   /* a first byte that no stream of version 0 has */
	LITERALS_FIRST = 17, /* a first byte above: that many literals, less this */
	LITERALS_MANY = 4,   /* stands for a number of literals that is more than 3 */
	FAR = 16384,
	ZEROS_MIN = 4,
};

struct lzo {
	const uint8_t *in;
	size_t len, at;
	uint8_t *out;
	size_t room, done;
	bool has_zeros;    /* version 1 */
	unsigned literals; /* behind the last instruction; LITERALS_MANY at most */
	bool bad;          /* it reaches outside of the stream or of what is unpacked */
	bool ended;
};

static unsigned byte(struct lzo *lzo)
{
	if (lzo->at < lzo->len)
		return lzo->in[lzo->at++];
	lzo->bad = true;
	return 0;
}

static unsigned two_bytes(struct lzo *lzo)
{
	unsigned low = byte(lzo);

	return low | byte(lzo) << 8;
}

/* A length that did not fit its instruction: `most`, 255 for each zero byte, and the one behind. */
static size_t length_more(struct lzo *lzo, size_t most)
{
	unsigned last;

	while (!(last = byte(lzo)) && !lzo->bad)
		most += 255;
	return most + last;
}

static void literals(struct lzo *lzo, size_t count)
{
	lzo->literals = count < LITERALS_MANY ? (unsigned)count : LITERALS_MANY;
	if (lzo->bad || count > lzo->len - lzo->at || count > lzo->room - lzo->done) {
		lzo->bad = true;
		return;
	}
	memcpy(lzo->out + lzo->done, lzo->in + lzo->at, count);
	lzo->at += count;
	lzo->done += count;
}

/* What is copied may overlap what it becomes. */
static void match(struct lzo *lzo, size_t distance, size_t count)
{
	if (lzo->bad || distance > lzo->done || count > lzo->room - lzo->done) {
		lzo->bad = true;
		return;
	}
	for (; count; count--, lzo->done++)
		lzo->out[lzo->done] = lzo->out[lzo->done - distance];
}

static void zeros(struct lzo *lzo, size_t count)
{
	if (lzo->bad || count > lzo->room - lzo->done) {
		lzo->bad = true;
		return;
	}
	memset(lzo->out + lzo->done, 0, count);
	lzo->done += count;
}

/* ---- instructions --------------------------------------------------------------------------- */

static void low_step(struct lzo *lzo, unsigned code)
{
	if (!lzo->literals) {
		literals(lzo, 3 + (code ? code : length_more(lzo, 15)));
		return;
	}
	size_t distance = 1 + (code >> 2) + (byte(lzo) << 2);

	if (lzo->literals == LITERALS_MANY)
		match(lzo, distance + 2048, 3);
	else
		match(lzo, distance, 2);
	literals(lzo, code & 3);
}

static void far_step(struct lzo *lzo, unsigned code)
{
	size_t count = code & 7, distance;
	unsigned word;

	/* Zeros have their mark where the others go on with their length: it is looked at first. */
	if (lzo->has_zeros && (code & 8) && lzo->len - lzo->at >= 3 &&
	    (lzo->in[lzo->at] & 0xfc) == 0xfc && lzo->in[lzo->at + 1] == 0xff) {
		word = two_bytes(lzo);
		zeros(lzo, ZEROS_MIN + (count | byte(lzo) << 3));
		literals(lzo, word & 3);
		return;
	}
	count = 2 + (count ? count : length_more(lzo, 7));
	word = two_bytes(lzo);
	distance = ((code & 8) << 11) + (word >> 2);
	if (!distance) {
		lzo->ended = true;
		return;
	}
	match(lzo, FAR + distance, count);
	literals(lzo, word & 3);
}

static void step(struct lzo *lzo)
{
	unsigned code = byte(lzo);

	if (code < 16) {
		low_step(lzo, code);
	} else if (code < 32) {
		far_step(lzo, code);
	} else if (code < 64) {
		size_t count = 2 + (code & 31 ? code & 31 : length_more(lzo, 31));
		unsigned word = two_bytes(lzo);

		match(lzo, 1 + (word >> 2), count);
		literals(lzo, word & 3);
	} else {
		match(lzo, 1 + (code >> 2 & 7) + (byte(lzo) << 3), 1 + (code >> 5));
		literals(lzo, code & 3);
	}
}

static bool start(struct lzo *lzo)
{
	if (lzo->len >= 5 && lzo->in[0] == VERSION_MARK) {
		if (lzo->in[1] > 1)
			return false;
		lzo->has_zeros = lzo->in[1];
		lzo->at = 2;
	}
	if (lzo->at < lzo->len && lzo->in[lzo->at] > LITERALS_FIRST)
		literals(lzo, byte(lzo) - LITERALS_FIRST);
	return true;
}

size_t lzo_unpack(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
	struct lzo lzo = {.in = in, .len = len, .out = out, .room = room};

	if (!start(&lzo))
		return 0;
	while (!lzo.ended && !lzo.bad)
		step(&lzo);
	return lzo.bad || lzo.at != len ? 0 : lzo.done;
}

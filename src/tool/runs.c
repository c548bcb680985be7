/* SPDX-License-Identifier: MIT */
/* Runs of set bits: data without any costs a comparison per 64 elements. */

#include "runs.h"

void runs_begin(struct runs *runs, size_t least,
		void (*found)(void *context, size_t first, size_t end), void *context)
{
	*runs = (struct runs){
		.least = least,
		.open = (size_t)RUNS_NONE,
		.found = found,
		.context = context,
	};
}

/* The bits at which a run of `least` set bits begins, all within the word. */
static uint64_t starts(uint64_t word, size_t least)
{
	if (least > 64)
		return 0;
	for (size_t have = 1; word && have < least;) {
		size_t step = have < least - have ? have : least - have;

		word &= word >> step;
		have += step;
	}
	return word;
}

static void add_word(struct runs *runs, uint64_t word)
{
	size_t at = runs->at;

	if (runs->open != (size_t)RUNS_NONE) {
		if (word == UINT64_MAX)
			return;
		unsigned n = (unsigned)__builtin_ctzll(~word);
		if (at + n - runs->open >= runs->least)
			runs->found(runs->context, runs->open, at + n);
		runs->open = (size_t)RUNS_NONE;
		word &= UINT64_MAX << n;
	}
	/* The run that reaches the top waits for the next word. */
	unsigned top = word == UINT64_MAX ? 64 : (unsigned)__builtin_clzll(~word);
	if (top) {
		runs->open = at + 64 - top;
		if (top == 64)
			return;
		word &= UINT64_MAX >> top;
	}
	for (uint64_t left = starts(word, runs->least); left;) {
		unsigned first = (unsigned)__builtin_ctzll(left);
		unsigned n = (unsigned)__builtin_ctzll(~(word >> first));

		runs->found(runs->context, at + first, at + first + n);
		/* `word` has a zero above this run, so first + n < 64. */
		left &= UINT64_MAX << (first + n);
	}
}

void runs_add(struct runs *runs, const uint64_t *mask, size_t blocks)
{
	for (size_t i = 0; i < blocks; i++, runs->at += 64)
		if (mask[i] || runs->open != (size_t)RUNS_NONE)
			add_word(runs, mask[i]);
}

size_t runs_end(const struct runs *runs)
{
	return runs->open;
}

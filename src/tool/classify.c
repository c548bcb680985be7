/* SPDX-License-Identifier: MIT */
/* Bytes to bit masks: in plain C, with SSE2 (every x86-64) and with AVX2 where the CPU has it. */

#include <stdbool.h>

#include "classify.h"
#include "text.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* ---- AVX2 ----------------------------------------------------------------------------------- */

AVX2 static inline __m256i load32(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

AVX2 static inline uint64_t bits64(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							     << 32;
}

/* Bytes from 0x80 on are negative here, and so below 0x20. */
AVX2 static inline __m256i ascii32(__m256i bytes)
{
	__m256i shown = _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(0x1f));
	__m256i del = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(0x7f));
	__m256i tab = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\t'));

	return _mm256_or_si256(_mm256_andnot_si256(del, shown), tab);
}

AVX2 static void ascii_avx2(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	for (size_t i = 0; i < blocks; i++, p += 64)
		mask[i] = bits64(ascii32(load32(p)), ascii32(load32(p + 32)));
}

/* A byte's own top bit is what marks it as part of a longer character. */
AVX2 static void utf8_avx2(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	for (size_t i = 0; i < blocks; i++, p += 64) {
		__m256i low = load32(p), high = load32(p + 32);

		mask[i] = bits64(_mm256_or_si256(ascii32(low), low),
				 _mm256_or_si256(ascii32(high), high));
	}
}

AVX2 static inline __m256i wide16(__m256i units)
{
	__m256i above = _mm256_cmpgt_epi16(units, _mm256_set1_epi16(0x1f));
	__m256i below = _mm256_cmpgt_epi16(_mm256_set1_epi16(0x3000), units);
	__m256i tab = _mm256_cmpeq_epi16(units, _mm256_set1_epi16('\t'));
	__m256i top = _mm256_and_si256(units, _mm256_set1_epi16((short)0xf800));
	__m256i pair = _mm256_cmpeq_epi16(top, _mm256_set1_epi16((short)0xd800));

	return _mm256_or_si256(_mm256_and_si256(above, below), _mm256_or_si256(tab, pair));
}

/* Packing works in each half of the vectors, so the quarters come out as 0 2 1 3. */
AVX2 static inline __m256i wide32(const uint8_t *p)
{
	__m256i packed = _mm256_packs_epi16(wide16(load32(p)), wide16(load32(p + 32)));

	return _mm256_permute4x64_epi64(packed, 0xd8);
}

AVX2 static void utf16_avx2(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	for (size_t i = 0; i < blocks; i++, p += 128)
		mask[i] = bits64(wide32(p), wide32(p + 64));
}

AVX2 static void pair_avx2(const uint8_t *p, size_t blocks, uint8_t first, uint8_t last,
			   size_t distance, uint64_t *mask)
{
	__m256i want_first = _mm256_set1_epi8((char)first);
	__m256i want_last = _mm256_set1_epi8((char)last);

	for (size_t i = 0; i < blocks; i++, p += 64) {
		const uint8_t *q = p + distance;
		__m256i low = _mm256_and_si256(_mm256_cmpeq_epi8(load32(p), want_first),
					       _mm256_cmpeq_epi8(load32(q), want_last));
		__m256i high = _mm256_and_si256(_mm256_cmpeq_epi8(load32(p + 32), want_first),
						_mm256_cmpeq_epi8(load32(q + 32), want_last));

		mask[i] |= bits64(low, high);
	}
}

/* ---- SSE2 ----------------------------------------------------------------------------------- */

static inline __m128i load16(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline uint64_t bits16(__m128i bytes, unsigned shift)
{
	return (uint64_t)(uint16_t)_mm_movemask_epi8(bytes) << shift;
}

static inline __m128i ascii16(__m128i bytes)
{
	__m128i shown = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(0x1f));
	__m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
	__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));

	return _mm_or_si128(_mm_andnot_si128(del, shown), tab);
}

static void ascii_sse2(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	for (size_t i = 0; i < blocks; i++, p += 64) {
		mask[i] = 0;
		for (unsigned j = 0; j < 64; j += 16)
			mask[i] |= bits16(ascii16(load16(p + j)), j);
	}
}

static void utf8_sse2(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	for (size_t i = 0; i < blocks; i++, p += 64) {
		mask[i] = 0;
		for (unsigned j = 0; j < 64; j += 16)
			mask[i] |= bits16(_mm_or_si128(ascii16(load16(p + j)), load16(p + j)), j);
	}
}

static inline __m128i wide8(__m128i units)
{
	__m128i above = _mm_cmpgt_epi16(units, _mm_set1_epi16(0x1f));
	__m128i below = _mm_cmpgt_epi16(_mm_set1_epi16(0x3000), units);
	__m128i tab = _mm_cmpeq_epi16(units, _mm_set1_epi16('\t'));
	__m128i top = _mm_and_si128(units, _mm_set1_epi16((short)0xf800));
	__m128i pair = _mm_cmpeq_epi16(top, _mm_set1_epi16((short)0xd800));

	return _mm_or_si128(_mm_and_si128(above, below), _mm_or_si128(tab, pair));
}

static void utf16_sse2(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	for (size_t i = 0; i < blocks; i++, p += 128) {
		mask[i] = 0;
		for (unsigned j = 0; j < 64; j += 16)
			mask[i] |= bits16(_mm_packs_epi16(wide8(load16(p + 2 * j)),
							  wide8(load16(p + 2 * j + 16))),
					  j);
	}
}

static void pair_sse2(const uint8_t *p, size_t blocks, uint8_t first, uint8_t last, size_t distance,
		      uint64_t *mask)
{
	__m128i want_first = _mm_set1_epi8((char)first);
	__m128i want_last = _mm_set1_epi8((char)last);

	for (size_t i = 0; i < blocks; i++, p += 64)
		for (unsigned j = 0; j < 64; j += 16) {
			__m128i a = _mm_cmpeq_epi8(load16(p + j), want_first);
			__m128i b = _mm_cmpeq_epi8(load16(p + distance + j), want_last);

			mask[i] |= bits16(_mm_and_si128(a, b), j);
		}
}

classify_fn *classify_choose(enum class class)
{
	static classify_fn *const table[][2] = {
		[CLASS_ASCII] = {ascii_sse2, ascii_avx2},
		[CLASS_UTF8] = {utf8_sse2, utf8_avx2},
		[CLASS_UTF16] = {utf16_sse2, utf16_avx2},
	};

	return table[class][__builtin_cpu_supports("avx2") != 0];
}

pair_fn *pair_choose(void)
{
	return __builtin_cpu_supports("avx2") ? pair_avx2 : pair_sse2;
}

#else

/* ---- plain C -------------------------------------------------------------------------------- */

static bool ascii_byte(const uint8_t *p)
{
	return ascii_printable(*p);
}

static bool utf8_byte(const uint8_t *p)
{
	return *p >= 0x80 || ascii_printable(*p);
}

static bool utf16_unit(const uint8_t *p)
{
	unsigned unit = p[0] | (unsigned)p[1] << 8;

	return (unit >= 0x20 && unit < 0x3000) || unit == '\t' || unit >> 11 == 0x1b;
}

static inline void classify(const uint8_t *p, size_t blocks, uint64_t *mask, size_t width,
			    bool (*is)(const uint8_t *p))
{
	for (size_t i = 0; i < blocks; i++) {
		mask[i] = 0;
		for (unsigned j = 0; j < 64; j++, p += width)
			mask[i] |= (uint64_t)is(p) << j;
	}
}

static void ascii_plain(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	classify(p, blocks, mask, 1, ascii_byte);
}

static void utf8_plain(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	classify(p, blocks, mask, 1, utf8_byte);
}

static void utf16_plain(const uint8_t *p, size_t blocks, uint64_t *mask)
{
	classify(p, blocks, mask, 2, utf16_unit);
}

static void pair_plain(const uint8_t *p, size_t blocks, uint8_t first, uint8_t last,
		       size_t distance, uint64_t *mask)
{
	for (size_t i = 0; i < blocks; i++)
		for (unsigned j = 0; j < 64; j++, p++)
			mask[i] |= (uint64_t)(p[0] == first && p[distance] == last) << j;
}

classify_fn *classify_choose(enum class class)
{
	static classify_fn *const table[] = {ascii_plain, utf8_plain, utf16_plain};

	return table[class];
}

pair_fn *pair_choose(void)
{
	return pair_plain;
}

#endif

/* SPDX-License-Identifier: MIT */
/* What there is to say of memory that a file does not hold as it should. */

#include <inttypes.h>

#include "extents.h"

void segments_warn_cut(const struct segments *segments, const struct vmi_target *target,
		       const struct vmi_source *source, const char *behind)
{
	if (segments->cut)
		target->warn(target,
			     "the file ends at 0x%" PRIx64 ", before its memory does: 0x%" PRIx64
			     " bytes from gpa 0x%" PRIx64 " on are cut off%s",
			     vmi_source_size(source), segments->cut_size, segments->cut_gpa,
			     behind);
}

void segments_warn_beyond(const struct segments *segments, const struct vmi_target *target,
			  const char *noun)
{
	if (segments->beyond)
		target->warn(target,
			     "left out is what lies beyond the 52 address bits of x86: %zu of the "
			     "%s, in whole or in part",
			     segments->beyond, noun);
}

void extents_warn_conflicts(const struct extents *extents, const struct vmi_target *target,
			    const char *noun)
{
	if (extents->conflicts)
		target->warn(target,
			     "%s overlap and differ: %zu, the first at gpa 0x%" PRIx64
			     "; what comes first in the file is taken",
			     noun, extents->conflicts, extents->conflict_gpa);
}

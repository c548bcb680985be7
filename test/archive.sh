# SPDX-License-Identifier: MIT
# For scripts that fetch packages of Debian without installing any: source it.

# The archive that this machine uses already, if it is Debian's: the first address that ends so.
archive_of_debian() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
		/etc/apt/mirrors/*.list 2>/dev/null | grep -v '^[[:space:]]*#' | tr -s '[:space:]' '\n' |
		grep -E '^[a-z]+://.*/debian/?$' | head -n 1 || true
}

# apt_state FOLDER ARCHITECTURE: FOLDER/apt.conf, for APT_CONFIG, makes apt keep lists and packages
# in FOLDER and take its sources from FOLDER/sources.list; the machine's stay as they are.
apt_state() {
	mkdir -p "$1/state/lists/partial" "$1/cache/archives/partial"
	: >"$1/status"
	cat >"$1/apt.conf" <<-CONF
		Dir::State "$1/state";
		Dir::State::status "$1/status";
		Dir::Cache "$1/cache";
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		APT::Architecture "$2";
		APT::Architectures { "$2"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
}

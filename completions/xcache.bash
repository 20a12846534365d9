# SPDX-License-Identifier: Apache-2.0
# bash completion for xcache. Needs nothing but bash: source it, or install it
# as <data directory>/bash-completion/completions/xcache.

# The options that name what is listed, as far as they are on the line already,
# so that keys come from the store that the command would use.
_xcache_place() {
	local i word
	place=()
	for ((i = 1; i < ${#words[@]} - 1; i++)); do
		word=${words[i]}
		case $word in
		--store=* | --scope=* | --repository=*) place+=("$word") ;;
		--store | --scope | --repository)
			((i + 1 < ${#words[@]} - 1)) && place+=("$word=${words[i + 1]}")
			;;
		esac
	done
}

# Keys are completed only for folders: a server should not get a request for every key press.
_xcache_keys() {
	local place store=$XCACHE_STORE word key
	_xcache_place
	for word in "${place[@]}"; do
		[[ $word == --store=* ]] && store=${word#--store=}
	done
	[[ -z $store || $store == file:* ]] || return
	while IFS= read -r key; do
		[[ $key == "$current"* && $key != *\\x* ]] && COMPREPLY+=("$(printf %q "$key")")
	done < <("${words[0]}" list --quiet --keys-only "${place[@]}" 2>/dev/null)
}

_xcache_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$current")
}

_xcache_stores() {
	local path=${current#file://}
	compopt -o nospace 2>/dev/null
	if [[ $current == file:///* ]]; then
		mapfile -t COMPREPLY < <(compgen -d -P file:// -S / -- "$path")
	else
		mapfile -t COMPREPLY < <(compgen -W 'file:/// s3://' -- "$current")
	fi
}

_xcache_profiles() {
	sed -n 's/^\[\(profile  *\)\{0,1\}\([A-Za-z0-9_.-]*\)\]$/\2/p' \
		"${AWS_CONFIG_FILE:-$HOME/.aws/config}" 2>/dev/null
}

_xcache_value() {
	case $1 in
	--key | --key-prefix | --restore-key) _xcache_keys ;;
	--path) _xcache_files ;;
	--workspace)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		;;
	--store) _xcache_stores ;;
	--mount) mapfile -t COMPREPLY < <(compgen -W 'off auto eager lazy' -- "$current") ;;
	--level) mapfile -t COMPREPLY < <(compgen -W "$(echo {1..19})" -- "$current") ;;
	--scope | --repository | --jobs | -j | --connections | --role-arn | --watch | --grace | --max-age | --max-size) ;;
	--profile) mapfile -t COMPREPLY < <(compgen -W "$(_xcache_profiles)" -- "$current") ;;
	*) return 1 ;;
	esac
	return 0
}

_xcache_options() {
	local common='--store --repository --scope --workspace --jobs --connections --profile'
	common+=' --role-arn --no-sign-request --trace --quiet --verbose --json --help'
	case $1 in
	restore)
		echo "--key --restore-key --path --lookup-only --legacy-layout --mount --watch $common"
		;;
	mount) echo "--key --restore-key --path --lazy --read-only --watch $common" ;;
	unmount) echo "--json --help" ;;
	save) echo "--key --path --update --parent-key --full --expire-days --level $common" ;;
	lookup) echo "--key --restore-key --path --legacy-layout $common" ;;
	list) echo "--key-prefix --path --keys-only $common" ;;
	inspect) echo "--key --path --files $common" ;;
	remove) echo "--key --key-prefix --all --path $common" ;;
	verify) echo "--key --all --path $common" ;;
	stats) echo "--fast $common" ;;
	gc) echo "--grace --max-age --max-size --dry-run --force $common" ;;
	doctor) echo "$common" ;;
	lifecycle) echo "--days --xml $common" ;;
	version) echo "--json --help" ;;
	esac
}

# bash breaks words at "=" and ":" too; the line is put together again here.
_xcache_words() {
	local line=${COMP_LINE:0:COMP_POINT}
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] || ${#words[@]} -eq 0 ]] && words+=("")
	current=${words[-1]}
}

# What readline replaces begins behind the last "=" or ":".
_xcache_trim() {
	local head=${1%"${1##*[=:]}"} i
	[[ $COMP_WORDBREAKS == *[=:]* ]] || return
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=${COMPREPLY[i]#"$head"}
	done
}

_xcache() {
	local words current option
	local commands='restore save mount unmount lookup list inspect remove verify stats gc'
	commands+=' doctor lifecycle version help'
	COMPREPLY=()
	_xcache_words
	if ((${#words[@]} == 2)); then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$current")
		return
	fi
	if [[ ${words[1]} == help ]]; then
		((${#words[@]} == 3)) &&
			mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
		return
	fi
	if [[ $current == --*=* ]]; then
		option=${current%%=*}
		current=${current#*=}
		_xcache_value "$option" && _xcache_trim "$current"
		return
	fi
	if _xcache_value "${words[-2]}"; then
		_xcache_trim "$current"
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$(_xcache_options "${words[1]}")" -- "$current")
}

complete -F _xcache xcache

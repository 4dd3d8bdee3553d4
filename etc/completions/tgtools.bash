# Completion in bash for tg-send, tg-link, tg-queue, notify-runner and notify-scripts. Options and commands are those that
# --help shows, so that they are always those of the program that is installed.

# Offers those of the words of $1 that begin as the current word does.
_tgtools_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_tgtools_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_tgtools_directories()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}

# The lines of --help that begin with an option, or with a command, without what is said about them.
_tgtools_help()
{
	"$path" --help 2>/dev/null | sed -nE 's/^ +-/-/; t cut; s/^  ([a-z])/\1/; t cut; d; :cut; s/  .*//; p'
}

_tgtools_options()
{
	grep '^-' <<<"$help" | grep -oE -- '--?[A-Za-z][a-z-]*'
}

# Whether an option takes its value as the next word.
_tgtools_takes_value()
{
	grep -qE -- "(^|, )$1(, --[a-z-]+)? [^-]" <<<"$help"
}

# The value of an option; fails where it takes none.
_tgtools_value()
{
	case $program:$1 in
	*:-c | *:--config | *:-i | *:--image | *:-a | *:--attach) _tgtools_files ;;
	*:--home) _tgtools_directories ;;
	*:-u | *:--user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
	tg-send:-f | tg-send:--format) _tgtools_words 'text markdown html pre' ;;
	tg-send:--in | tg-send:--cooldown) _tgtools_words '10m 30m 1h 6h 1d' ;;
	tg-link:-e | tg-link:--expires) _tgtools_words '1d 7d 30d 365d' ;;
	tg-send:-w | tg-send:--wait) _tgtools_words '10s 30s 1m 5m' ;;
	tg-send:--to) _tgtools_words '@' ;;
	notify-runner:--only) _tgtools_words "$("$path" -l 2>/dev/null)" ;;
	*) _tgtools_takes_value "$1" ;;
	esac
}

# The commands, and what follows them.
_tgtools_command()
{
	case $program:$command in
	*:) _tgtools_words "$(grep -oE '^[a-z]+' <<<"$help" | sort -u)" ;;
	tg-link:key)
		if [[ $previous == key ]]; then
			_tgtools_words "$(sed -nE 's/^key ([a-z]+).*/\1/p' <<<"$help")"
		elif [[ $previous == revoke ]]; then
			_tgtools_words "$("$path" key list 2>/dev/null | grep -oE '^[0-9]+')"
		fi
		;;
	tg-queue:show | tg-queue:cancel | tg-queue:retry)
		_tgtools_words "$("$path" 2>/dev/null | grep -oE '^[0-9]+')"
		;;
	tg-queue:updates)
		if [[ $previous == updates ]]; then
			_tgtools_words 'show delete'
		else
			_tgtools_words "$("$path" updates 2>/dev/null | grep -oE '^[0-9]+')"
		fi
		;;
	notify-scripts:run)
		_tgtools_words "$("$path" list 2>/dev/null | grep -oE '"name":"[^"]+"' | cut -d '"' -f 4)"
		;;
	esac
}

# Sets command to the first word that is neither an option nor the value of one.
_tgtools_find_command()
{
	local i word
	command=
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--) command=${COMP_WORDS[i + 1]-} && return ;;
		--*) [[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 2)) && continue ;;
		-*) ;;
		*) command=$word && return ;;
		esac
		! _tgtools_takes_value "$word" || i=$((i + 1))
	done
}

_tgtools()
{
	local path=$1 program=${1##*/} cur=$2 previous=$3 command help
	help=$(_tgtools_help)
	COMPREPLY=()
	# bash makes words of --wait = 30s.
	if [[ $cur == = ]]; then
		cur=
		previous=${COMP_WORDS[COMP_CWORD - 1]}
	elif [[ $previous == = ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $previous == -w || $previous == --wait ]]; then
		previous=
	fi
	_tgtools_find_command
	if [[ (-z $command || $program != tg-send) && $previous == -* ]] && _tgtools_value "$previous"; then
		return
	elif [[ $cur == -* && (-z $command || $program != tg-send) ]]; then
		_tgtools_words "$(_tgtools_options)"
	else
		_tgtools_command
	fi
}

complete -F _tgtools tg-send tg-link tg-queue notify-runner notify-scripts

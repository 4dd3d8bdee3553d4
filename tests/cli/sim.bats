# The simulator: the other tests believe what it says about Telegram, so it is held to Telegram's own words here.

load helper

setup() {
	start_sim
	BOT=$SIM_URL/bot$SIM_TOKEN
}

teardown() {
	[[ -z ${RECEIVER-} ]] || kill "$RECEIVER" 2>/dev/null || true
	stop_all
}

# call METHOD [curl options]: the answer; of any status.
call() {
	local method=$1
	shift
	curl -sS --max-time 20 "$BOT/$method" "$@"
}

# json METHOD BODY
json() {
	call "$1" -H 'Content-Type: application/json' --data-binary "$2"
}

# has FILTER: the JSON in $output is as the jq filter says.
has() {
	jq -e "$1" <<<"$output" >/dev/null || {
		echo "not so: $1"
		echo "$output"
		return 1
	}
}

# fails TEXT: $output is a 400 with exactly that description.
fails() {
	[[ $(jq -r 'select(.ok == false and .error_code == 400) | .description' <<<"$output") == "Bad Request: $1" ]] || {
		echo "expected: Bad Request: $1"
		echo "got: $output"
		return 1
	}
}

chat_exists() {
	sim POST /sim/chat "{\"chat_id\":${1:-7},\"username\":\"bob\",\"first_name\":\"Bob\"}" >/dev/null
}

# parsed MODE TEXT: TEXT|TYPE:OFFSET+LENGTH=DETAIL ..., or what Telegram has against it.
parsed() {
	call sendMessage -d chat_id=7 -d "parse_mode=$1" --data-urlencode "text=$2" | jq -r '
		def detail: .url // .language // .custom_emoji_id // .user.id // .unix_time | if . then "=\(.)" else "" end;
		if .ok then
			.result | .text + "|" + ([.entities[]? | "\(.type):\(.offset)+\(.length)\(detail)"] | join(" "))
		else .description | sub("^Bad Request: can.t parse entities: "; "") end'
}

# same MODE: lines of `text => what parsed prints`; \n stands for a line end.
same() {
	local mode=$1 line text wanted got bad=0
	while IFS= read -r line; do
		[[ -n $line ]] || continue
		text=${line%% => *} wanted=${line#* => }
		got=$(parsed "$mode" "${text//\\n/$'\n'}")
		[[ $got == "${wanted//\\n/$'\n'}" ]] || {
			printf '%s\n  wanted: %s\n  got:    %s\n' "$text" "$wanted" "$got"
			bad=1
		}
	done
	return $bad
}

times() {
	printf "$2%.0s" $(seq "$1")
}

# png FILE WIDTH HEIGHT [BYTES BEHIND]
png() {
	local size
	size=$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' 0 0 $(($2 >> 8)) $(($2 & 255)) 0 0 $(($3 >> 8)) $(($3 & 255)))
	printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'"$size"'\x08\x02\0\0\0\0\0\0\0' >"$1"
	head -c "${4:-0}" /dev/zero >>"$1"
}

# raw TEXT: what the server sends back to these bytes; printf escapes are understood.
raw() {
	exec 9<>"/dev/tcp/127.0.0.1/$SIM_PORT"
	printf "$1" >&9
	timeout 5 cat <&9 | tr -d '\r'
	exec 9<&- 9>&-
}

### the server

@test "sim: tells its port on stdout and in the port file, and ends with 0 on SIGTERM" {
	[[ $(<"$DIR/sim.out") == "tg-sim: http://127.0.0.1:$(<"$DIR/port")" ]]
	stop sim
}

@test "sim: answers getMe to GET and POST, the method in any case" {
	for http_method in GET POST; do
		output=$(call gEtmE -X "$http_method")
		has '.ok and .result == (.result + {id: 123456, is_bot: true, username: "tgtools_sim_bot", first_name: "tgtools"})'
	done
}

@test "sim: an unknown method and a malformed token are 404, a wrong token is 401" {
	for path in "bot$SIM_TOKEN/getNothing" botnonsense/getMe bot123456/getMe "bot$SIM_TOKEN" "$SIM_TOKEN/getMe" ''; do
		output=$(curl -s "$SIM_URL/$path")
		has '. == {ok: false, error_code: 404, description: "Not Found"}'
	done
	output=$(curl -s "$SIM_URL/bot123456:some-other-token/getMe")
	has '. == {ok: false, error_code: 401, description: "Unauthorized"}'
	[[ $(curl -s -o /dev/null -w '%{http_code}' "$SIM_URL/bot123456:some-other-token/getMe") == 401 ]]
}

@test "sim: takes parameters from the query, a form, multipart and JSON, and from a chunked body" {
	chat_exists
	call 'sendMessage?chat_id=7&text=by%20query+1'
	call sendMessage -d chat_id=7 --data-urlencode 'text=by form & 2'
	call sendMessage -F chat_id=7 -F 'text=by multipart'
	json sendMessage '{"chat_id":7,"text":"by JSON"}'
	call sendMessage -H 'Transfer-Encoding: chunked' -H 'Content-Type: application/json' -d '{"chat_id":"7","text":"in chunks"}'
	output=$(sim GET '/sim/chat?id=7')
	has '[.messages[].text] == ["by query 1", "by form & 2", "by multipart", "by JSON", "in chunks"]'
}

@test "sim: keeps a connection open, and answers requests sent one behind the other in their order" {
	call getMe "$BOT/getMe" "$BOT/getMe" >/dev/null
	output=$(sim GET /sim/stats)
	has '.connections == 2 and .by_method.getMe == 3'
	output=$(raw "GET /bot$SIM_TOKEN/getMe HTTP/1.1\r\n\r\nPOST /nothing HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /sim/chats HTTP/1.0\r\n\r\n" |
		grep -oE 'HTTP/1.1 [0-9]+|"ok":(true|false)|^\[\]$' | tr '\n' ' ')
	[[ $output == 'HTTP/1.1 200 "ok":true HTTP/1.1 404 "ok":false HTTP/1.1 200 [] ' ]]
}

@test "sim: answers Expect: 100-continue, and reads chunks with extensions and trailers" {
	chat_exists
	exec 9<>"/dev/tcp/127.0.0.1/$SIM_PORT"
	printf 'POST /bot%s/getMe HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n' "$SIM_TOKEN" >&9
	read -r -t 5 line <&9
	[[ $line == "HTTP/1.1 100 Continue"* ]]
	exec 9<&- 9>&-
	output=$(raw "POST /bot$SIM_TOKEN/sendMessage HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nchat_id=7\r\n6;x=y\r\n&text=\r\n1\r\nx\r\n0\r\nTrailer: 1\r\n\r\n" | tail -n 1)
	has '.result.text == "x"'
}

@test "sim: refuses requests whose end could be read in two ways" {
	for headers in 'Content-Length: 1\r\nTransfer-Encoding: chunked' 'Content-Length: 1\r\nContent-Length: 1' \
		'Content-Length: -1' 'Content-Length: 1x' 'Transfer-Encoding: gzip' 'no colon'; do
		[[ $(raw "POST /bot$SIM_TOKEN/getMe HTTP/1.1\r\n$headers\r\n\r\n" | head -n 1) == "HTTP/1.1 400 Bad Request" ]]
	done
}

@test "sim: more than 55 MB are 413, and the answer arrives" {
	head -c 58000000 /dev/zero >"$DIR/large"
	output=$(call sendDocument -F chat_id=7 -F "document=@$DIR/large")
	has '. == {ok: false, error_code: 413, description: "Request Entity Too Large"}'
}

@test "sim: an unknown parameter is refused by name" {
	chat_exists
	output=$(call sendMessage -d chat_id=7 -d text=x -d parsemode=HTML)
	fails 'unknown parameter "parsemode"'
	output=$(json sendMessage '{"chat_id":7,"text":"x","reply_markup":{"inline_keyboard":[[{"text":"a","callbackdata":"b"}]]}}')
	fails $'can\'t parse inline keyboard button: unknown field "callbackdata"'
	output=$(sim GET '/sim/chat?id=7')
	has '.messages == []'
}

@test "sim: ill-typed parameters are refused by name and type" {
	chat_exists
	while IFS='|' read -r body text; do
		output=$(json sendMessage "$body")
		fails "$text"
	done <<-'CASES'
		{"chat_id":7,"text":5}|parameter "text" must be of type String
		{"chat_id":7,"text":null}|parameter "text" must be of type String
		{"chat_id":true,"text":"x"}|parameter "chat_id" must be of type Integer or String
		{"chat_id":7,"text":"x","disable_notification":"yes"}|parameter "disable_notification" must be of type Boolean
		{"chat_id":7,"text":"x","message_thread_id":"5"}|parameter "message_thread_id" must be of type Integer
		{"chat_id":7,"text":"x","message_thread_id":5.5}|parameter "message_thread_id" must be of type Integer
		{"chat_id":7,"text":"x","entities":{}}|parameter "entities" must be of type Array
		{"chat_id":7,"text":"x","reply_parameters":{"message_id":"1"}}|can't parse ReplyParameters: Field "message_id" must be of type Integer
		{"chat_id":7,"text":"x","reply_markup":null}|object expected as reply markup
		{"chat_id":7,"text":"x","reply_markup":"{"}|can't parse reply keyboard markup JSON object
		[1]|can't parse JSON object
		{"chat_id":7|can't parse JSON object
	CASES
	output=$(call sendMessage -d chat_id=7 -d text=x -d message_thread_id=x)
	fails 'parameter "message_thread_id" must be of type Integer'
	output=$(call sendMessage -d chat_id=7 -d text=x -d disable_notification=maybe)
	fails 'parameter "disable_notification" must be of type Boolean'
}

@test "sim: what is not UTF-8 is refused, in a form and in JSON" {
	chat_exists
	output=$(call sendMessage -d chat_id=7 -d 'text=%ff')
	fails 'strings must be encoded in UTF-8'
	output=$(call sendMessage -d chat_id=7 -d 'text=%ed%a0%80')
	fails 'strings must be encoded in UTF-8'
	output=$(json sendMessage $'{"chat_id":7,"text":"\xc3("}')
	fails 'strings must be encoded in UTF-8'
}

### text

@test "sim: a message needs a chat that was created or that wrote" {
	output=$(call sendMessage -d chat_id=8 -d text=x)
	fails 'chat not found'
	output=$(call sendMessage -d text=x)
	fails 'chat_id is empty'
	sim POST /sim/message '{"chat_id":8,"text":"hi"}'
	output=$(call sendMessage -d chat_id=8 -d text=x)
	has '.result | .message_id == 2 and .chat.id == 8 and .chat.type == "private" and .from.id == 123456 and .text == "x"'
}

@test "sim: a message shows options, thread, reply and silence" {
	chat_exists -1001234567890
	json sendMessage '{"chat_id":-1001234567890,"text":"first"}'
	output=$(json sendMessage '{"chat_id":-1001234567890,"text":"x","disable_notification":true,"protect_content":true,"message_thread_id":5,"reply_parameters":{"message_id":1},"link_preview_options":{"is_disabled":true}}')
	has '.result | .message_thread_id == 5 and .reply_to_message.text == "first" and .has_protected_content and .chat.type == "supergroup"'
	output=$(sim GET '/sim/chat?id=-1001234567890&after=1')
	has '.messages[0] | .silent and .protected and .reply_to == 1 and .options.link_preview_options.is_disabled and .method == "sendMessage"'
	output=$(json sendMessage '{"chat_id":-1001234567890,"text":"x","reply_parameters":{"message_id":99}}')
	fails 'message to be replied not found'
}

@test "sim: 4096 code points are taken, whatever they weigh; 4097 are not" {
	chat_exists
	for character in x é 😀; do
		times 4096 "$character" >"$DIR/fits"
		times 4097 "$character" >"$DIR/long"
		output=$(call sendMessage -d chat_id=7 --data-urlencode "text@$DIR/fits")
		has '.result.text | length == 4096'
		output=$(call sendMessage -d chat_id=7 --data-urlencode "text@$DIR/long")
		fails 'message is too long'
	done
}

@test "sim: the length counts after markup is parsed" {
	chat_exists
	(times 1000 '<b>' && times 4096 x && times 1000 '</b>') >"$DIR/text"
	sed -i 's/^\(<b>\)*/<b>/; s/\(<\/b>\)*$/<\/b>/' "$DIR/text"
	output=$(call sendMessage -d chat_id=7 -d parse_mode=HTML --data-urlencode "text@$DIR/text")
	has '.result | (.text | length == 4096) and .entities == [{type: "bold", offset: 0, length: 4096}]'
}

@test "sim: white space around a text goes, and one that is empty then is refused" {
	chat_exists
	[[ $(parsed '' $'  \n a\tb\r\n c \n ') == $'a b\n c|' ]]
	[[ $(parsed HTML $' \n<b>a</b> \n') == 'a|bold:0+1' ]]
	for text in '' ' ' $'\n\n'; do
		output=$(call sendMessage -d chat_id=7 --data-urlencode "text=$text")
		fails 'message text is empty'
	done
	output=$(call sendMessage -d chat_id=7 -d parse_mode=HTML --data-urlencode 'text=<b></b>')
	fails 'message text is empty'
}

@test "sim: HTML becomes text and entities" {
	chat_exists
	same HTML <<-'CASES'
		<b>a</b> <strong>b</strong> <i>c</i> <em>d</em> => a b c d|bold:0+1 bold:2+1 italic:4+1 italic:6+1
		<u>a</u><ins>b</ins><s>c</s><strike>d</strike><del>e</del> => abcde|underline:0+1 underline:1+1 strikethrough:2+1 strikethrough:3+1 strikethrough:4+1
		<tg-spoiler>a</tg-spoiler> <span class="tg-spoiler">b</span> => a b|spoiler:0+1 spoiler:2+1
		<b>bold <i>both</i></b> => bold both|bold:0+9 italic:5+4
		&lt;&gt;&amp;&quot;&#65;&#x42;&nbsp; => <>&"AB&nbsp;|
		<code>a &lt; b</code> <pre>c</pre> => a < b c|code:0+5 pre:6+1
		<pre><code class="language-c">int x;</code></pre> => int x;|pre:0+6=c
		<code class="language-c">x</code> => x|code:0+1
		<a href="https://x.org/?a=1&amp;b">x</a> => x|text_link:0+1=https://x.org/?a=1&b
		<a href="tg://user?id=42">x</a> <a href="no url">y</a> <a>https://x.org</a> => x y https://x.org|text_mention:0+1=42 text_link:4+13=https://x.org/
		<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji> => 👍|custom_emoji:0+2=5368324170671202286
		<blockquote>a</blockquote>\n<blockquote expandable>b</blockquote> => a\nb|blockquote:0+1 expandable_blockquote:2+1
		😀<B>é</B  >x => 😀éx|bold:2+1
		<b> </b>x<i></i> => x|
	CASES
}

@test "sim: bad HTML is refused in Telegram's words" {
	chat_exists
	same HTML <<-'CASES'
		a<foo>b => Unsupported start tag "foo" at byte offset 1
		é<b>a => Can't find end tag corresponding to start tag "b"
		a < b => Unsupported start tag "" at byte offset 2
		a<b => Unclosed start tag at byte offset 1
		<b>a</i> => Unmatched end tag at byte offset 4, expected "</b>", found "</i>"
		a</b> => Unexpected end tag at byte offset 1
		<b>a</b  => Unclosed end tag at byte offset 4
		<a =x>a</a> => Empty attribute name in the tag "a" at byte offset 0
		<a href="x>a => Unclosed start tag at byte offset 0
		<a href=1/2>a</a> => Unexpected end of name token at byte offset 8
		<span>a</span> => Tag "span" must have class "tg-spoiler" at byte offset 0
		<tg-emoji emoji-id="x">a</tg-emoji> => Invalid custom emoji identifier specified
		&#xd800;a => Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units
	CASES
}

@test "sim: MarkdownV2 becomes text and entities" {
	chat_exists
	same MarkdownV2 <<-'CASES'
		*a* _b_ __c__ ~d~ ||e|| `f` => a b c d e f|bold:0+1 italic:2+1 underline:4+1 strikethrough:6+1 spoiler:8+1 code:10+1
		*bold _both_* => bold both|bold:0+9 italic:5+4
		___a_ b__ => a b|underline:0+3 italic:0+1
		\_\*\[\]\(\)\~\`\>\#\+\-\=\|\{\}\.\!\\ => _*[]()~`>#+-=|{}.!\|
		`a_b*c.d` ```x.y!``` => a_b*c.d x.y!|code:0+7 pre:8+4
		```c\nint x;\n``` => int x;|pre:0+6=c
		```\nplain\n``` => plain|pre:0+5
		[x](https://x.org/a\)b) [y](tg://user?id=42) [https://z\.org] => x y https://z.org|text_link:0+1=https://x.org/a)b text_mention:2+1=42 text_link:4+13=https://z.org/
		![👍](tg://emoji?id=5368324170671202286) => 👍|custom_emoji:0+2=5368324170671202286
		![now](tg://time?unix=1647531900&format=wDT) => now|date_time:0+3=1647531900
		>a\n>b\nc => a\nb\nc|blockquote:0+3
		>a\n>b||\nc => a\nb\nc|expandable_blockquote:0+3
		>a\n**>b => a\nb|blockquote:0+1 blockquote:2+1
		😀*é* => 😀é|bold:2+1
	CASES
}

@test "sim: bad MarkdownV2 is refused in Telegram's words" {
	chat_exists
	for character in ']' '(' ')' '>' '#' '+' '-' '=' '|' '{' '}' '.' '!'; do
		[[ $(parsed MarkdownV2 "a$character") == "Character '$character' is reserved and must be escaped with the preceding '\\'" ]]
	done
	same MarkdownV2 <<-'CASES'
		🏟 🏟_abacaba => Can't find end of Italic entity at byte offset 9
		🏟 🏟_abac * asd  => Can't find end of Bold entity at byte offset 15
		🏟 🏟_abac * asd _ => Can't find end of Italic entity at byte offset 21
		🏟 🏟` => Can't find end of Code entity at byte offset 9
		🏟 🏟```a => Can't find end of Pre entity at byte offset 9
		🏟 🏟```a  => Can't find end of PreCode entity at byte offset 9
		🏟 🏟__🏟 🏟_ => Can't find end of Italic entity at byte offset 20
		🏟 🏟_🏟 🏟__ => Can't find end of Underline entity at byte offset 19
		[a](https://x.org => Can't find end of a URL at byte offset 4
		||a => Can't find end of Spoiler entity at byte offset 0
		~a => Can't find end of Strikethrough entity at byte offset 0
		[a => Can't find end of TextUrl entity at byte offset 0
		![a](https://x.org) => Custom emoji entity must contain a tg://emoji URL
		>*a\nb* => Can't find end of Bold entity at byte offset 1
	CASES
}

@test "sim: legacy Markdown becomes text and entities, or is refused" {
	chat_exists
	same Markdown <<-'CASES'
		*a* _b_ `c` => a b c|bold:0+1 italic:2+1 code:4+1
		a\_b \*c \`d \[e a.b-c! => a_b *c `d [e a.b-c!|
		[x](https://x.org/) [y](tg://user?id=42) => x y|text_link:0+1=https://x.org/ text_mention:2+1=42
		```c\nint x;\n``` => int x;|pre:0+6=c
		*a _b* => a _b|bold:0+4
		é*a => Can't find end of the entity starting at byte offset 2
		a_b => Can't find end of the entity starting at byte offset 1
		[a => Can't find end of the entity starting at byte offset 0
		```a => Can't find end of the entity starting at byte offset 0
	CASES
}

@test "sim: an unknown parse mode is refused; markup is looked at before the chat" {
	output=$(call sendMessage -d chat_id=8 -d text=x -d parse_mode=BBCode)
	fails 'unsupported parse_mode'
	output=$(call sendMessage -d chat_id=8 -d text=a.b -d parse_mode=MarkdownV2)
	fails "can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'"
}

@test "sim: entities are kept in Telegram's order, cut where they cross, and those it finds itself ignored" {
	chat_exists
	output=$(json sendMessage '{"chat_id":7,"text":"ab😀cd","entities":[{"type":"italic","offset":1,"length":4},{"type":"bold","offset":0,"length":4},{"type":"url","offset":0,"length":1},{"type":"pre","offset":5,"length":1,"language":"c"}]}')
	has '.result.entities | map([.type, .offset, .length]) == [["bold",0,4],["italic",1,3],["italic",4,1],["pre",5,1]] and .[3].language == "c"'
}

@test "sim: entities outside of the text or within a character are refused" {
	chat_exists
	while IFS='|' read -r entity text; do
		output=$(json sendMessage '{"chat_id":7,"text":"ab😀cd","entities":['"$entity"']}')
		fails "$text"
	done <<-'CASES'
		{"type":"bold","offset":0,"length":7}|entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 7
		{"type":"bold","offset":3,"length":1}|entity begins in a middle of a UTF-16 symbol at byte offset 6
		{"type":"bold","offset":0,"length":3}|entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 6
		{"type":"bold","offset":-1,"length":3}|receive an entity with incorrect offset -1
		{"type":"fat","offset":0,"length":1}|can't parse MessageEntity: Unsupported type specified
		{"type":"bold","offset":0}|can't parse MessageEntity: Can't find field "length"
		{"type":"text_link","offset":0,"length":1}|can't parse MessageEntity: Can't find field "url"
		{"type":"text_link","offset":0,"length":1,"url":"localhost"}|entity URL 'localhost' is invalid: Wrong HTTP URL
		7|expected an Array of MessageEntity
	CASES
}

@test "sim: of many entities the first hundred are kept" {
	chat_exists
	output=$(json sendMessage "$(jq -nc '{chat_id: 7, text: ("ab" * 150), entities: [range(150) | {type: "bold", offset: (. * 2), length: 1}]}')")
	has '.result.entities | length == 100 and .[99].offset == 198'
}

### keyboards, files

@test "sim: a keyboard must be one that Telegram takes" {
	chat_exists
	while IFS='|' read -r markup text; do
		output=$(json sendMessage '{"chat_id":7,"text":"x","reply_markup":'"$markup"'}')
		fails "$text"
	done <<-CASES
		{"inline_keyboard":[[{"text":"a","callback_data":"$(times 65 x)"}]]}|BUTTON_DATA_INVALID
		{"inline_keyboard":[[{"text":"a","callback_data":""}]]}|BUTTON_DATA_INVALID
		{"inline_keyboard":[[{"text":"a"}]]}|can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard
		{"inline_keyboard":[[{"callback_data":"a"}]]}|can't parse inline keyboard button: Can't find field "text"
		{"inline_keyboard":[[{"text":1,"callback_data":"a"}]]}|can't parse inline keyboard button: Field "text" must be of type String
		{"inline_keyboard":[[{"text":"a","url":"nowhere"}]]}|inline keyboard button URL 'nowhere' is invalid: Wrong HTTP URL
		{"inline_keyboard":[{"text":"a","callback_data":"a"}]}|can't parse InlineKeyboardMarkup: Field "inline_keyboard" must be of type Array of Arrays
		[]|object expected as reply markup
		{"keybord":[]}|can't parse reply keyboard markup JSON object
	CASES
	output=$(json sendMessage "$(jq -nc '{chat_id: 7, text: "x", reply_markup: {inline_keyboard: [range(101) | [{text: "a", callback_data: "b"}]]}}')")
	fails 'reply markup is too long'
	output=$(json sendMessage "$(jq -nc --arg data "$(times 32 é)" '{chat_id: 7, text: "x", reply_markup: {inline_keyboard: [[{text: "a", callback_data: $data}]]}}')")
	has '.ok and .result.reply_markup.inline_keyboard[0][0].text == "a"'
}

@test "sim: a photo arrives whole, is measured, and can be sent again by its id" {
	chat_exists
	png "$DIR/chart.png" 640 480 2000
	output=$(call sendPhoto -F chat_id=7 -F "photo=@$DIR/chart.png" -F 'caption=*x*' -F parse_mode=MarkdownV2)
	has '.result | (.photo | map([.width, .height]) == [[90,68],[320,240],[640,480]]) and .photo[2].file_size == 2033 and .caption == "x" and .caption_entities[0].type == "bold"'
	id=$(jq -r '.result.photo[2].file_id' <<<"$output")
	output=$(json sendPhoto "{\"chat_id\":7,\"photo\":\"$id\"}")
	has ".ok and (.result | has(\"caption\") | not)"
	call sendPhoto -d chat_id=7 -d photo=https://example.org/cat.jpg
	output=$(call sendPhoto -F chat_id=7 -F photo=attach://pic -F "pic=@$DIR/chart.png")
	has .ok
	output=$(sim GET '/sim/chat?id=7')
	has ".messages[0].photo | .sha256 == \"$(sha256sum <"$DIR/chart.png" | cut -d' ' -f1)\" and .width == 640 and .height == 480 and .file_size == 2033 and .file_name == \"chart.png\""
	has '.messages[2].photo.url == "https://example.org/cat.jpg" and .messages[1].photo == .messages[0].photo'
}

@test "sim: photos that Telegram would not take are refused in its words" {
	chat_exists
	png "$DIR/broad.png" 2100 100
	png "$DIR/vast.png" 6000 4001
	png "$DIR/heavy.png" 100 100 $((10 << 20))
	echo text >"$DIR/text.png"
	: >"$DIR/empty.png"
	while IFS='|' read -r photo text; do
		output=$(call sendPhoto -F chat_id=7 -F "photo=$photo")
		fails "$text"
	done <<-CASES
		@$DIR/broad.png|PHOTO_INVALID_DIMENSIONS
		@$DIR/vast.png|PHOTO_INVALID_DIMENSIONS
		@$DIR/text.png|IMAGE_PROCESS_FAILED
		@$DIR/empty.png|file must be non-empty
		@$DIR/heavy.png|file of size 10485793 bytes is too big for a photo; the maximum size is 10485760 bytes
		nonsense|wrong file identifier/HTTP URL specified
		file:///etc/passwd|invalid file HTTP URL specified: Unsupported URL protocol
	CASES
	output=$(call sendPhoto -F chat_id=7)
	fails 'there is no photo in the request'
	png "$DIR/tall.png" 100 2000
	output=$(call sendPhoto -F chat_id=7 -F "photo=@$DIR/tall.png")
	has .ok
}

@test "sim: a JPEG is measured too" {
	chat_exists
	printf '\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x11\x08\0\x64\0\xc8\3\1\x22\0\2\x11\1\3\x11\1' >"$DIR/a.jpg"
	output=$(call sendPhoto -F chat_id=7 -F "photo=@$DIR/a.jpg")
	has '.result.photo[-1] | .width == 200 and .height == 100'
}

@test "sim: a document keeps its name, type and bytes" {
	chat_exists
	head -c 100000 /dev/urandom >"$DIR/data.bin"
	output=$(call sendDocument -F chat_id=7 -F "document=@$DIR/data.bin;type=application/x-test;filename=Überblick.bin" -F caption=c)
	has '.result | .document.file_name == "Überblick.bin" and .document.mime_type == "application/x-test" and .document.file_size == 100000 and .caption == "c"'
	output=$(sim GET '/sim/chat?id=7')
	has ".messages[0].document.sha256 == \"$(sha256sum <"$DIR/data.bin" | cut -d' ' -f1)\""
	output=$(call sendPhoto -d chat_id=7 -d "photo=$(jq -r '.messages[0].document.file_id' <<<"$output")")
	fails "can't use file of type Document as Photo"
}

@test "sim: an album arrives whole, or what is wrong with one of its files is told" {
	chat_exists
	png "$DIR/a.png" 640 480
	png "$DIR/broad.png" 2100 100
	echo text >"$DIR/text.txt"
	album() { call sendMediaGroup -F chat_id=7 -F "first=@$DIR/a.png" -F "media=$1" -F "second=@${2:-$DIR/a.png}"; }
	output=$(album '[{"type":"photo","media":"attach://first","caption":"*x*","parse_mode":"MarkdownV2"},{"type":"photo","media":"attach:\/\/second"}]')
	has '.result | length == 2 and .[0].caption == "x" and .[0].media_group_id == .[1].media_group_id and .[1].photo[-1].width == 640'
	output=$(album '[{"type":"document","media":"attach://first"},{"type":"document","media":"attach://second","caption":"c"}]' "$DIR/text.txt")
	has '.result[1] | .document.file_name == "text.txt" and .caption == "c"'
	[[ $(sim GET '/sim/chat?id=7' | jq '.messages | length') == 4 ]]
	while IFS='|' read -r media text; do
		output=$(album "$media" "$DIR/broad.png")
		fails "$text"
	done <<-'CASES'
		[{"type":"photo","media":"attach://first"},{"type":"photo","media":"attach://second"}]|PHOTO_INVALID_DIMENSIONS
		[{"type":"photo","media":"attach://first"},{"type":"document","media":"attach://second"}]|document can't be mixed with other media types
		[{"type":"photo","media":"attach://first"},{"type":"photo","media":"attach://third"}]|unknown parameter "second"
		[{"type":"photo","media":"attach://first"},{"type":"photo","media":"attach://second","captoin":"x"}]|can't parse InputMedia: unknown field "captoin"
	CASES
	output=$(call sendMediaGroup -F chat_id=7 -F "first=@$DIR/a.png" -F 'media=[{"type":"photo","media":"attach://first"}]')
	fails "too few messages to send as an album"
	[[ $(sim GET '/sim/chat?id=7' | jq '.messages | length') == 4 ]]
}

@test "sim: an edit puts another file in the place of a file or of a text" {
	chat_exists
	png "$DIR/a.png" 640 480
	id=$(json sendMessage '{"chat_id":7,"text":"a"}' | jq .result.message_id)
	output=$(call editMessageMedia -F chat_id=7 -F message_id="$id" -F "new=@$DIR/a.png" -F 'media={"type":"photo","media":"attach://new","caption":"b"}')
	has '.result | .caption == "b" and .photo[-1].width == 640 and has("edit_date")'
	output=$(call editMessageMedia -F chat_id=7 -F message_id="$id" -F "new=@$DIR/a.png" -F 'media={"type":"document","media":"attach://new"}')
	has '.result | .document.file_name == "a.png" and (has("caption") or has("photo") | not)'
	output=$(json editMessageMedia '{"chat_id":7,"message_id":999,"media":{"type":"photo","media":"https://example.org/a.png"}}')
	fails "message to edit not found"
}

@test "sim: a caption has 1024 code points" {
	chat_exists
	output=$(call sendDocument -d chat_id=7 -d document=https://example.org/a --data-urlencode "caption=$(times 1024 😀)")
	has .ok
	output=$(call sendDocument -d chat_id=7 -d document=https://example.org/a --data-urlencode "caption=$(times 1025 x)")
	fails 'message caption is too long'
}

### editing, buttons, commands

@test "sim: an edit replaces the text and keeps the old one in the history" {
	chat_exists
	json sendMessage '{"chat_id":7,"text":"one","reply_markup":{"inline_keyboard":[[{"text":"a","callback_data":"b"}]]}}'
	output=$(call editMessageText -d chat_id=7 -d message_id=1 -d text='<i>two</i>' -d parse_mode=HTML)
	has '.result | .text == "two" and .edit_date and .entities[0].type == "italic" and (has("reply_markup") | not)'
	output=$(sim GET '/sim/chat?id=7')
	has '.messages[0] | .text == "two" and .edits == 1 and .history == ["one"]'
}

@test "sim: an edit that changes nothing, or of what cannot be edited, is refused" {
	chat_exists
	sim POST /sim/message '{"chat_id":7,"text":"mine"}'
	json sendMessage '{"chat_id":7,"text":"one"}'
	call sendDocument -d chat_id=7 -d document=https://example.org/a
	nothing='message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message'
	output=$(call editMessageText -d chat_id=7 -d message_id=2 -d text=one)
	fails "$nothing"
	output=$(call editMessageReplyMarkup -d chat_id=7 -d message_id=2)
	fails "$nothing"
	output=$(call editMessageText -d chat_id=7 -d message_id=1 -d text=x)
	fails "message can't be edited"
	output=$(call editMessageText -d chat_id=7 -d message_id=3 -d text=x)
	fails 'there is no text in the message to edit'
	output=$(call editMessageText -d chat_id=7 -d message_id=99 -d text=x)
	fails 'message to edit not found'
	output=$(call editMessageText -d chat_id=7 -d text=x)
	fails 'message identifier is not specified'
	output=$(json editMessageReplyMarkup '{"chat_id":7,"message_id":2,"reply_markup":{"inline_keyboard":[[{"text":"a","callback_data":"b"}]]}}')
	has '.result.reply_markup.inline_keyboard[0][0].text == "a" and .result.text == "one"'
}

@test "sim: a deleted message is gone for the bot and marked for the test" {
	chat_exists
	json sendMessage '{"chat_id":7,"text":"one"}'
	output=$(call deleteMessage -d chat_id=7 -d message_id=1)
	has '.result == true'
	output=$(call deleteMessage -d chat_id=7 -d message_id=1)
	fails 'message to delete not found'
	output=$(call editMessageText -d chat_id=7 -d message_id=1 -d text=x)
	fails 'message to edit not found'
	output=$(sim GET '/sim/chat?id=7')
	has '.messages[0] | .deleted and .text == "one"'
}

@test "sim: a tapped button is a callback query, which is answered once" {
	chat_exists
	json sendMessage '{"chat_id":7,"text":"x","reply_markup":{"inline_keyboard":[[{"text":"Run","callback_data":"r:1"},{"text":"Site","url":"https://x.org"}]]}}'
	output=$(sim POST /sim/tap '{"chat_id":7,"message_id":1,"button":"Run"}')
	has '.ok and .update_id == 900000001'
	output=$(call getUpdates)
	has '.result[0].callback_query | .data == "r:1" and .from.id == 7 and .message.message_id == 1 and .message.text == "x" and .chat_instance'
	id=$(jq -r '.result[0].callback_query.id' <<<"$output")
	output=$(call answerCallbackQuery -d "callback_query_id=$id" -d text=Done -d show_alert=true)
	has '.result == true'
	output=$(call answerCallbackQuery -d "callback_query_id=$id")
	fails 'query is too old and response timeout expired or query ID is invalid'
	output=$(call answerCallbackQuery -d callback_query_id=1)
	fails 'query is too old and response timeout expired or query ID is invalid'
	output=$(sim GET '/sim/chat?id=7')
	has '.pressed == [{message_id: 1, from_id: 7, data: "r:1", answered: true, answer_text: "Done", show_alert: true}]'
	for order in '"button":"Stop"' '"data":"r:2"' '"button":"Site"'; do
		run ! sim POST /sim/tap "{\"chat_id\":7,\"message_id\":1,$order}"
	done
	sim POST /sim/tap '{"chat_id":7,"message_id":1,"data":"r:1"}'
}

@test "sim: a button of a reply keyboard sends its text" {
	chat_exists
	json sendMessage '{"chat_id":7,"text":"x","reply_markup":{"keyboard":[[{"text":"Yes"},{"text":"No"}]]}}'
	output=$(sim POST /sim/tap '{"chat_id":7,"message_id":1,"button":"No"}')
	has '.message_id == 2'
	output=$(call getUpdates)
	has '.result[0].message.text == "No"'
}

@test "sim: chat actions are recorded, unknown ones refused" {
	chat_exists
	call sendChatAction -d chat_id=7 -d action=typing
	call sendChatAction -d chat_id=7 -d action=upload_photo
	output=$(call sendChatAction -d chat_id=7 -d action=dancing)
	fails 'wrong parameter action in request'
	output=$(sim GET '/sim/chat?id=7')
	has '.actions == ["typing", "upload_photo"]'
}

@test "sim: commands are kept by scope and language, and checked" {
	json setMyCommands '{"commands":[{"command":"start","description":"Begin"}]}'
	json setMyCommands '{"commands":[{"command":"/uptime","description":"How long"}],"scope":{"type":"chat","chat_id":7},"language_code":"de"}'
	output=$(call getMyCommands)
	has '.result == [{command: "start", description: "Begin"}]'
	output=$(json getMyCommands '{"scope":{"type":"chat","chat_id":7},"language_code":"de"}')
	has '.result == [{command: "uptime", description: "How long"}]'
	output=$(sim GET /sim/commands)
	has 'map(.scope + "/" + .language_code) == ["default/", "chat:7/de"]'
	while IFS='|' read -r commands text; do
		output=$(json setMyCommands "{\"commands\":$commands}")
		fails "$text"
	done <<-CASES
		[{"command":"Start","description":"x"}]|BOT_COMMAND_INVALID
		[{"command":"$(times 33 a)","description":"x"}]|BOT_COMMAND_INVALID
		[{"command":"a","description":""}]|BOT_COMMAND_DESCRIPTION_INVALID
		[{"command":"a","description":"$(times 257 é)"}]|BOT_COMMAND_DESCRIPTION_INVALID
		[{"command":"a"}]|can't parse BotCommand: Can't find field "description"
	CASES
}

@test "sim: getChat tells who it is" {
	chat_exists
	sim POST /sim/chat '{"chat_id":-100200300400500,"title":"Ops","username":"ops_group"}'
	output=$(call getChat -d chat_id=7)
	has '.result | .id == 7 and .first_name == "Bob" and .username == "bob" and .type == "private"'
	output=$(call getChat -d chat_id=@OPS_group)
	has '.result | .title == "Ops" and .type == "supergroup"'
	output=$(call getChat -d chat_id=@bob)
	fails 'chat not found'
}

### updates

@test "sim: an injected message is an update with its entities" {
	output=$(sim POST /sim/message '{"chat_id":7,"text":"é /start@tgtools_sim_bot x /a","username":"bob","first_name":"Bob"}')
	has '. == {ok: true, update_id: 900000001, message_id: 1}'
	output=$(call getUpdates)
	has '.result[0].message | .text == "é /start@tgtools_sim_bot x /a" and .from.username == "bob" and .from.is_bot == false and .chat.id == 7'
	has '.result[0].message.entities == [{type: "bot_command", offset: 2, length: 22}, {type: "bot_command", offset: 27, length: 2}]'
	sim POST /sim/message '{"chat_id":-5,"from_id":9,"first_name":"Eve","text":"in a group"}'
	output=$(call getUpdates -d offset=-1)
	has '.result[0].message | .chat.type == "group" and .from.id == 9 and .from.first_name == "Eve"'
}

@test "sim: getUpdates confirms what lies below the offset, counts from the end for negative ones, and keeps to the limit" {
	sim POST /sim/message "$(jq -nc '[range(5) | {chat_id: 7, text: "m\(.)"}]')"
	output=$(call getUpdates -d limit=2)
	has '[.result[].message.text] == ["m0", "m1"]'
	output=$(call getUpdates -d offset=900000003)
	has '[.result[].message.text] == ["m2", "m3", "m4"]'
	output=$(call getUpdates)
	has '.result | length == 3'
	output=$(call getUpdates -d offset=-1)
	has '[.result[].message.text] == ["m4"]'
	output=$(call getUpdates)
	has '.result | length == 1'
	output=$(call getUpdates -d offset=900000006)
	has '.result == []'
	output=$(sim GET /sim/stats)
	has '.updates_pending == 0 and .updates_confirmed_through == 900000005'
}

@test "sim: a long poll ends when something arrives, or empty at its timeout" {
	call getUpdates -d timeout=10 >"$DIR/poll" &
	sim GET '/sim/wait?method=getUpdates&count=1' >/dev/null
	sim POST /sim/message '{"chat_id":7,"text":"hi"}'
	wait $!
	output=$(<"$DIR/poll")
	has '.result[0].message.text == "hi"'
	start=$EPOCHREALTIME
	output=$(call getUpdates -d timeout=1 -d offset=900000002)
	has '. == {ok: true, result: []}'
	((${EPOCHREALTIME/./} - ${start/./} > 900000))
}

@test "sim: a second poll ends the first with 409" {
	call getUpdates -d timeout=20 >"$DIR/first" &
	first=$!
	sim GET '/sim/wait?method=getUpdates&count=1' >/dev/null
	call getUpdates -d timeout=20 >"$DIR/second" &
	second=$!
	wait $first
	output=$(<"$DIR/first")
	has '. == {ok: false, error_code: 409, description: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}'
	sim POST /sim/message '{"chat_id":7,"text":"hi"}'
	wait $second
	output=$(<"$DIR/second")
	has '.result | length == 1'
}

@test "sim: a poller that went away is forgotten" {
	call getUpdates -d timeout=20 &
	sim GET '/sim/wait?method=getUpdates&count=1' >/dev/null
	kill $!
	wait $! || true
	sim POST /sim/message '{"chat_id":7,"text":"hi"}'
	output=$(call getUpdates -d timeout=5)
	has '.result | length == 1'
}

@test "sim: allowed_updates is remembered, and decides when an update arrives" {
	call getUpdates -d 'allowed_updates=["callback_query"]'
	output=$(sim POST /sim/message '{"chat_id":7,"text":"unheard"}')
	has '.update_id == null and .message_id == 1'
	output=$(call getUpdates)
	has '.result == []'
	call getUpdates -d 'allowed_updates=[]'
	output=$(sim POST /sim/message '{"chat_id":7,"text":"heard"}')
	has '.update_id == 900000001'
	sim POST /sim/update '{"my_chat_member":{"chat":{"id":7}}}'
	output=$(sim POST /sim/update '{"chat_member":{"chat":{"id":7}}}')
	has '.update_id == null'
	output=$(call getUpdates)
	has '[.result[] | keys[0]] == ["message", "my_chat_member"]'
}

### webhook

# receiver STATUS...: answers with these, one after the other, the last again and again; logs what came.
receiver() {
	command -v python3 >/dev/null || skip "python3 is not installed"
	cat >"$DIR/receiver.py" <<-'PY'
		import http.server, json, sys

		statuses = sys.argv[2:]

		class Handler(http.server.BaseHTTPRequestHandler):
		    protocol_version = "HTTP/1.1"

		    def do_POST(self):
		        body = self.rfile.read(int(self.headers["Content-Length"]))
		        with open(sys.argv[1] + "/received", "a") as log:
		            log.write(json.dumps({"path": self.path, "update": json.loads(body),
		                "type": self.headers["Content-Type"],
		                "secret": self.headers["X-Telegram-Bot-Api-Secret-Token"]}) + "\n")
		        status, _, answer = (statuses.pop(0) if len(statuses) > 1 else statuses[0]).partition(":")
		        self.send_response(int(status))
		        self.send_header("Content-Length", str(len(answer)))
		        self.end_headers()
		        self.wfile.write(answer.encode())

		    def log_message(self, *args):
		        pass

		server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
		with open(sys.argv[1] + "/receiver.port.new", "w") as port:
		    port.write(str(server.server_port))
		import os
		os.rename(sys.argv[1] + "/receiver.port.new", sys.argv[1] + "/receiver.port")
		server.serve_forever()
	PY
	python3 "$DIR/receiver.py" "$DIR" "$@" 3>&- &
	RECEIVER=$!
	wait_until 10 has_content "$DIR/receiver.port"
	HOOK=http://127.0.0.1:$(<"$DIR/receiver.port")
}

@test "sim: a webhook gets the updates in their order, with the secret, and getUpdates is 409 meanwhile" {
	receiver 200
	sim POST /sim/message '{"chat_id":7,"text":"before"}'
	output=$(call setWebhook -d "url=$HOOK/hook?a=b" -d secret_token=s3cret)
	has '.result and .description == "Webhook was set"'
	sim POST /sim/message '[{"chat_id":7,"text":"one"},{"chat_id":7,"text":"two"}]'
	sim GET '/sim/wait?confirmed=900000003' >/dev/null
	output=$(jq -s . "$DIR/received")
	has 'map(.update.message.text) == ["before", "one", "two"] and map(.update.update_id) == [900000001, 900000002, 900000003]'
	has 'all(.path == "/hook?a=b" and .secret == "s3cret" and .type == "application/json")'
	output=$(call getUpdates)
	has '. == {ok: false, error_code: 409, description: "Conflict: can'"'"'t use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}'
	output=$(call getWebhookInfo)
	has '.result | .pending_update_count == 0 and .max_connections == 40 and (has("last_error_message") | not)'
	output=$(call deleteWebhook)
	has '.description == "Webhook was deleted"'
	output=$(call deleteWebhook)
	has '.description == "Webhook is already deleted"'
	output=$(call getUpdates)
	has '.result == []'
}

@test "sim: what a webhook does not take is repeated, first things first" {
	receiver 500 503 200
	sim POST /sim/limits '{"speed":100}'
	call setWebhook -d "url=$HOOK"
	sim POST /sim/message '[{"chat_id":7,"text":"one"},{"chat_id":7,"text":"two"}]'
	sim GET '/sim/wait?confirmed=900000002' >/dev/null
	[[ $(jq -r .update.message.text "$DIR/received" | tr '\n' ' ') == 'one one one two ' ]]
	output=$(call getWebhookInfo)
	has '.result.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"'
}

@test "sim: a webhook's answer may carry a call" {
	receiver '200:{"method":"sendMessage","chat_id":7,"text":"from the hook"}' 200
	call setWebhook -d "url=$HOOK" -d max_connections=4
	sim POST /sim/message '{"chat_id":7,"text":"hi"}'
	output=$(sim GET '/sim/wait?chat=7&contains=from%20the%20hook')
	has '.messages[1].text == "from the hook"'
}

@test "sim: a webhook is checked, and one elsewhere is only taken note of" {
	while IFS='|' read -r url text; do
		output=$(call setWebhook --data-urlencode "url=$url")
		fails "bad webhook: $text"
	done <<-'CASES'
		ftp://example.org/|invalid webhook URL specified
		https:///x|invalid webhook URL specified
		https://example.org:1234/|Webhook can be set up only on ports 80, 88, 443 or 8443
	CASES
	output=$(call setWebhook -d url=https://example.org/ -d 'secret_token=a b')
	fails 'secret token contains unallowed characters'
	output=$(call setWebhook -d url=https://example.org/ -d 'allowed_updates=["message"]')
	has .result
	sim POST /sim/message '{"chat_id":7,"text":"hi"}'
	sleep 0.1
	output=$(call getWebhookInfo)
	has '.result | .url == "https://example.org/" and .pending_update_count == 1 and .last_error_date and .allowed_updates == ["message"]'
	output=$(call setWebhook -d url= -d drop_pending_updates=true)
	has '.description == "Webhook was deleted"'
	output=$(call getUpdates)
	has '.result == []'
}

### pace

@test "sim: without limits nothing is paced" {
	chat_exists
	call sendMessage -d chat_id=7 -d 'text=[1-20]' -g >/dev/null
	curl -s "$BOT/sendMessage?chat_id=7&text=[1-40]" >/dev/null
	output=$(sim GET /sim/stats)
	has '.delivered == 41 and .rejected_429 == 0'
}

@test "sim: a private chat takes three at once and one a second; 429 says how long to wait, and that is enough" {
	sim POST /sim/limits '{"enabled":true}'
	chat_exists
	for i in 1 2 3; do
		output=$(call sendMessage -d chat_id=7 -d text=x)
		has .ok
	done
	output=$(call sendMessage -d chat_id=7 -d text=x -D "$DIR/headers")
	has '. == {ok: false, error_code: 429, description: "Too Many Requests: retry after 1", parameters: {retry_after: 1}}'
	grep -qi '^retry-after: 1' "$DIR/headers"
	chat_exists 8
	output=$(call sendMessage -d chat_id=8 -d text=x)
	has .ok
	sleep 1
	output=$(call sendMessage -d chat_id=7 -d text=x)
	has .ok
	output=$(sim GET /sim/stats)
	has '.delivered == 5 and .rejected_429 == 1'
}

@test "sim: a group takes twenty a minute, on a clock that can be sped up" {
	sim POST /sim/limits '{"enabled":true,"speed":100}'
	chat_exists -5
	sim POST /sim/limits '{"speed":0.001}'
	curl -s "$BOT/sendMessage?chat_id=-5&text=[1-21]" >"$DIR/answers"
	output=$(sim GET /sim/stats)
	has '.delivered == 20 and .rejected_429 == 1'
	grep -q '"retry_after":3}' "$DIR/answers"
	sim POST /sim/limits '{"speed":100}'
	sleep 0.05
	output=$(call sendMessage -d chat_id=-5 -d text=x)
	has .ok
}

@test "sim: all chats together take thirty at once" {
	sim POST /sim/limits '{"enabled":true,"speed":0.001}'
	sim POST /sim/message "$(jq -nc '[range(1; 32) | {chat_id: ., text: "x"}]')" >/dev/null
	curl -s "$BOT/sendMessage?chat_id=[1-31]&text=x" >/dev/null
	output=$(sim GET /sim/stats)
	has '.delivered == 30 and .rejected_429 == 1'
}

@test "sim: who keeps to the pace is never sent away" {
	stop sim
	start_sim --limits --speed 20
	BOT=$SIM_URL/bot$SIM_TOKEN
	chat_exists
	for i in 1 2 3 4 5 6 7 8 9 10; do
		call sendMessage -d chat_id=7 -d text=x >/dev/null
		sleep 0.05
	done
	output=$(sim GET /sim/stats)
	has '.delivered == 10 and .rejected_429 == 0'
}

### faults

fault() {
	sim POST /sim/fault "$1" >/dev/null
}

@test "sim: fault http answers as a proxy does, for as many calls as were ordered" {
	fault '{"method":"getMe","kind":"http","status":502,"count":2}'
	for i in 1 2; do
		output=$(call getMe -w '%{http_code} %{content_type}')
		[[ $output == '<html>'*'502 Bad Gateway'*'502 text/html' ]]
	done
	output=$(call getMe)
	has .ok
	fault '{"method":"*","kind":"http","status":413,"count":-1}'
	[[ $(call getMe -o /dev/null -w '%{http_code}') == 413 && $(call getChat -o /dev/null -w '%{http_code}') == 413 ]]
	sim DELETE /sim/fault
	output=$(call getMe)
	has .ok
}

@test "sim: fault error answers with the error that was ordered, for one chat only" {
	chat_exists 7
	chat_exists 8
	fault '{"method":"sendMessage","chat_id":8,"kind":"error","status":403,"description":"Forbidden: user is deactivated","parameters":{"x":1},"count":-1}'
	output=$(call sendMessage -d chat_id=7 -d text=x)
	has .ok
	output=$(json sendMessage '{"chat_id":8,"text":"x"}')
	has '. == {ok: false, error_code: 403, description: "Forbidden: user is deactivated", parameters: {x: 1}}'
}

@test "sim: fault close_before cuts off, and nothing is carried out" {
	chat_exists
	fault '{"method":"sendMessage","kind":"close_before"}'
	run ! call sendMessage -d chat_id=7 -d text=x
	fault '{"method":"sendMessage","kind":"close_before","chat_id":7}'
	run ! call sendMessage -d chat_id=7 -d text=x
	output=$(sim GET '/sim/chat?id=7')
	has '.messages == []'
}

@test "sim: fault close_after and close_middle carry out, and the answer is lost or torn" {
	chat_exists
	fault '{"method":"sendMessage","kind":"close_after"}'
	run ! call sendMessage -d chat_id=7 -d text=one
	fault '{"method":"sendMessage","kind":"close_middle"}'
	run call sendMessage -d chat_id=7 -d text=two
	[[ $status != 0 ]]
	output=$(sim GET '/sim/chat?id=7')
	has '[.messages[].text] == ["one", "two"]'
}

@test "sim: fault stall answers late; stall_before not at all" {
	chat_exists
	fault '{"method":"sendMessage","kind":"stall","ms":400}'
	run ! call sendMessage -d chat_id=7 -d text=one -m 0.2
	fault '{"method":"sendMessage","kind":"stall","ms":300}'
	start=$EPOCHREALTIME
	output=$(call sendMessage -d chat_id=7 -d text=two)
	has .ok
	((${EPOCHREALTIME/./} - ${start/./} > 290000))
	fault '{"method":"sendMessage","kind":"stall_before","ms":200}'
	run ! call sendMessage -d chat_id=7 -d text=three
	output=$(sim GET '/sim/chat?id=7')
	has '[.messages[].text] == ["one", "two"]'
}

@test "sim: faults unauthorized, retry_after and migrate answer as Telegram does" {
	chat_exists -5
	fault '{"method":"*","kind":"unauthorized"}'
	output=$(call getMe)
	has '. == {ok: false, error_code: 401, description: "Unauthorized"}'
	fault '{"method":"sendMessage","kind":"retry_after","seconds":17}'
	output=$(call sendMessage -d chat_id=-5 -d text=x -D "$DIR/headers")
	has '.error_code == 429 and .parameters.retry_after == 17'
	grep -qi '^retry-after: 17' "$DIR/headers"
	fault '{"method":"sendMessage","chat_id":-5,"kind":"migrate","to":-1009}'
	output=$(call sendMessage -d chat_id=-5 -d text=x)
	has '. == {ok: false, error_code: 400, description: "Bad Request: group chat was upgraded to a supergroup chat", parameters: {migrate_to_chat_id: -1009}}'
}

@test "sim: fault refuse takes the server away and brings it back on the same port" {
	call getUpdates -d timeout=20 >"$DIR/poll" &
	sim GET '/sim/wait?method=getUpdates&count=1' >/dev/null
	fault '{"kind":"refuse","ms":300}'
	if wait $!; then false; fi
	run ! call getMe
	sleep 0.4
	output=$(call getMe)
	has .ok
}

@test "sim: faults that make no sense are refused" {
	run ! fault '{"method":"*","kind":"earthquake"}'
	run ! fault '{"method":"*","kind":"http","status":9}'
	run ! fault '{"method":"*","kind":"stall","ms":-1}'
}

@test "sim: a user who blocks the bot is 403 and told about" {
	chat_exists
	sim POST /sim/block '{"chat_id":7,"blocked":true}'
	output=$(call sendMessage -d chat_id=7 -d text=x)
	has '. == {ok: false, error_code: 403, description: "Forbidden: bot was blocked by the user"}'
	sim POST /sim/block '{"chat_id":7,"blocked":false}'
	output=$(call sendMessage -d chat_id=7 -d text=x)
	has .ok
	output=$(call getUpdates)
	has '[.result[].my_chat_member.new_chat_member.status] == ["kicked", "member"]'
}

### the control interface

@test "sim: wait holds until it is time, and is 408 otherwise" {
	chat_exists
	(sleep 0.2 && call sendMessage -d chat_id=7 -d text='the needle is here') &
	output=$(sim GET '/sim/wait?chat=7&contains=needle&timeout_ms=5000')
	has '.messages[0].text == "the needle is here"'
	[[ $(curl -s -o /dev/null -w '%{http_code}' "$SIM_URL/sim/wait?chat=7&count=2&timeout_ms=50") == 408 ]]
	[[ $(curl -s -o /dev/null -w '%{http_code}' "$SIM_URL/sim/wait?chat=99&count=1&timeout_ms=50") == 408 ]]
	(sleep 0.2 && call editMessageText -d chat_id=7 -d message_id=1 -d text='a haystack') &
	sim GET '/sim/wait?chat=7&contains=haystack&timeout_ms=5000' >/dev/null
	(sleep 0.2 && call sendMessage -d chat_id=7 -d text=x) &
	sim GET '/sim/wait?delivered=2&timeout_ms=5000' >/dev/null
}

@test "sim: /sim/chat shows what came after a message" {
	chat_exists
	curl -s "$BOT/sendMessage?chat_id=7&text=[1-5]" >/dev/null
	output=$(sim GET '/sim/chat?id=7&after=3')
	has '[.messages[].text] == ["4", "5"]'
	output=$(sim GET /sim/chats)
	has '. == [{chat_id: 7, type: "private", messages: 5, shown: 5}]'
	output=$(sim GET /sim/stats)
	has '.by_method.sendMessage == 5 and .requests_per_chat["7"] == 5 and .delivered == 5'
}

@test "sim: reset forgets everything" {
	chat_exists
	call sendMessage -d chat_id=7 -d text=x
	sim POST /sim/message '{"chat_id":7,"text":"x"}'
	fault '{"method":"*","kind":"unauthorized","count":-1}'
	sim POST /sim/reset
	output=$(sim GET /sim/chats)
	has '. == []'
	output=$(call getUpdates)
	has '.result == []'
	output=$(call sendMessage -d chat_id=7 -d text=x)
	fails 'chat not found'
}

@test "sim: the control interface refuses what makes no sense" {
	run ! sim POST /sim/message '{"chat_id":7}'
	run ! sim POST /sim/message '{"chat_id":7,"type":"group","text":"x"}'
	run ! sim POST /sim/message 'nonsense'
	run ! sim POST /sim/update '{"nothing":{}}'
	run ! sim GET '/sim/chat?id=1'
	run ! sim GET /sim/nothing
	run ! sim DELETE /sim/chat
	run ! sim GET /sim/wait
}

### the terminal

# conversation [tg-sim options]: a chat whose input is $DIR/in, its screen $DIR/screen.
conversation() {
	stop sim
	rm -f "$DIR/port"
	mkfifo "$DIR/in"
	# Open for both at first: a pipe that has no other end would block here.
	exec 7<>"$DIR/in"
	tg-sim --port-file "$DIR/port" --chat "$@" <"$DIR/in" >"$DIR/screen" 2>>"$DIR/sim.log" 3>&- 7>&- &
	PIDS[sim]=$!
	exec 8>"$DIR/in" 7>&-
	wait_until 10 has_content "$DIR/port"
	SIM_PORT=$(<"$DIR/port") SIM_URL=http://127.0.0.1:$SIM_PORT BOT=http://127.0.0.1:$SIM_PORT/bot$SIM_TOKEN
}

@test "sim: --chat is a conversation: messages, pictures, buttons, edits" {
	conversation
	echo '/start' >&8
	output=$(call getUpdates -d timeout=5)
	has '.result[0].message | .text == "/start" and .from.id == 4242 and .from.username == "alice" and .chat.first_name == "Alice"'
	json sendMessage '{"chat_id":4242,"text":"Choose:\nnow","reply_markup":{"inline_keyboard":[[{"text":"Run","callback_data":"r"},{"text":"Stop","callback_data":"s"}],[{"text":"More","callback_data":"m"}]]}}'
	echo '!2' >&8
	output=$(call getUpdates -d timeout=5 -d offset=900000002)
	has '.result[0].callback_query.data == "s"'
	call answerCallbackQuery -d "callback_query_id=$(jq -r '.result[0].callback_query.id' <<<"$output")" -d text=Stopping
	call editMessageText -d chat_id=4242 -d message_id=2 -d text=Stopped
	echo '!9' >&8
	png "$DIR/chart.png" 640 480 12000
	call sendPhoto -F chat_id=4242 -F "photo=@$DIR/chart.png" -F caption=Load
	call deleteMessage -d chat_id=4242 -d message_id=1
	chat_exists 7
	call sendMessage -d chat_id=7 -d 'text=not for alice'
	echo '/quit' >&8
	wait "${PIDS[sim]}"
	unset 'PIDS[sim]'
	exec 8>&-
	diff - "$DIR/screen" <<-SCREEN
		tg-sim: http://127.0.0.1:$SIM_PORT
		alice> /start
		tgtools> Choose:
		         now
		  [1] Run  [2] Stop
		  [3] More
		alice> !2
		tgtools (notice)> Stopping
		tgtools (edited)> Stopped
		alice> !9
		(there is no such button)
		tgtools> [photo chart.png 640x480, 12 KB] Load
		tgtools (deleted)> message 1
		alice> /quit
	SCREEN
}

@test "sim: --chat lets nothing that the bot says steer the terminal" {
	conversation --user 5:eve:Eve
	echo hello >&8
	wait_until 5 grep -q hello "$DIR/screen"
	json sendMessage '{"chat_id":5,"text":"a\u007f\u009b31m\u202eb"}'
	json sendMessage '{"chat_id":5,"text":"x","reply_markup":{"inline_keyboard":[[{"text":"\u001b[2J","callback_data":"r"}]]}}'
	exec 8>&-
	wait "${PIDS[sim]}"
	unset 'PIDS[sim]'
	[[ $(tail -n +2 "$DIR/screen") == $'eve> hello\ntgtools> a\\x7f\\u009b31m\\u202eb\ntgtools> x\n  [1] \\x1b[2J' ]]
}

@test "sim: --chat takes a file too, and ends with it" {
	stop sim
	printf 'hi\nthere' >"$DIR/in"
	run -0 tg-sim --chat <"$DIR/in"
	[[ ${lines[1]} == 'alice> hi' && ${lines[2]} == 'alice> there' ]]
}

@test "sim: bad options are a usage error" {
	run -64 tg-sim -p 99999
	run -64 tg-sim --speed 0
	run -64 tg-sim --chat --user nobody
	run -64 tg-sim surplus
	run -0 tg-sim -h
	[[ $output == *'POST /sim/message'* ]]
}

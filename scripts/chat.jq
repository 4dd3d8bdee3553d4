# The messages of GET /sim/chat, as their reader sees them: who says what, a picture by its name and size, buttons
# by what stands on them.
def file:
  if .photo then "[photo \(.photo.file_name // "without a name") \(.photo.width)x\(.photo.height)]"
  elif .document then "[document \(.document.file_name // "without a name"), \(.document.file_size) bytes]"
  else empty end;

def buttons:
  .reply_markup.inline_keyboard // [] | .[] | map("[ \(.text) ]") | join(" ");

(.username // "user") as $name
| .messages[]
| select(.deleted | not)
| (if .from == "user" then $name else "bot" end) as $who
| [file, (.caption // .text // empty), buttons]
| join("\n") | split("\n")
| ("\($who):       "[0:8] + .[0]), (.[1:][] | if . == "" then . else "        " + . end)

# The messages of GET /sim/chat as lines: who, what; a picture by its name and size.
def picture: "[photo \(.file_name // "picture") \(.width)x\(.height)]";
.messages[] | .

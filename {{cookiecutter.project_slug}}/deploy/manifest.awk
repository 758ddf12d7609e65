# Refuses a manifest that deploy.sh cannot complete, or that gcloud would read in another way than people do. Prints one
# sentence for the first fault.
#
#   awk -f deploy/manifest.awk -v kind=Service -v name=NAME -v project=PROJECT -v image=IMAGE FILE
#
# There is no YAML parser wherever bash and gcloud are. So this is none: the lines that decide must stand as they were
# rendered, in one way of all that YAML has. Below them, a manifest may hold what it likes, except a key twice: gcloud
# takes the first, and most other programs the last.

function refuse(what) {
  printf "%s, line %d: %s\n", FILENAME, FNR, what
  refused = 1
  exit 1
}

# The width of the indentation.
function indentation(text) {
  match(text, /^ */)
  return RLENGTH
}

# The key that a line begins with, without its quotation marks, or nothing.
function key_of(text, end) {
  if (match(text, /^"[^"]*" *:( |$)/) || match(text, /^'[^']*' *:( |$)/)) return substr(text, 2, index(substr(text, 2), substr(text, 1, 1)) - 1)
  end = index(text, ": ")
  if (!end && text ~ /:$/) end = length(text)
  text = substr(text, 1, end ? end - 1 : 0)
  sub(/ +$/, "", text)
  return text
}

# The value of a plain line: without its key, a comment and quotation marks.
function value_of(text) {
  sub(/^ *[A-Za-z]+: */, "", text)
  sub(/ +#.*$/, "", text)
  gsub(/^["']|["']$/, "", text)
  return text
}

# A key that only holds others, on a line of its own.
function opens(text, key) { return text ~ ("^ *" key ": *(#.*)?$") }

function no_key_twice(depth, text, key, level) {
  # A list's entry begins anew what is as deep as its first key.
  while (text ~ /^- /) {
    for (level in keys) if (level + 0 > depth) delete keys[level]
    match(text, /^- +/)
    depth += RLENGTH
    text = substr(text, RLENGTH + 1)
  }
  for (level in keys) if (level + 0 > depth) delete keys[level]
  key = key_of(text)
  if (key == "") return
  if (index(keys[depth], "\n" key "\n")) refuse("\"" key "\" stands a second time, and gcloud would take the first: keep one.")
  keys[depth] = (keys[depth] ? keys[depth] : "\n") key "\n"
}

/\r$/ { refuse("it has the line ends of Windows: write it with line feeds.") }
/\t/ { refuse("it has a tab, which YAML does not take for an indentation: write spaces.") }

# The lines of a text in a block, as after "run: |", mean nothing here.
block && (/^ *$/ || indentation($0) > block_depth) { next }
{ block = 0 }

/^ *(#.*)?$/ { next }
/^---( |$)/ && !begun { begun = 1; next }
/^(---|\.\.\.)( |$)/ { refuse("another document begins, and gcloud would take the first alone: keep one.") }

{
  begun = 1
  depth = indentation($0)
  text = substr($0, depth + 1)
  if (text ~ /^(- +)*\?( |$)/) refuse("a key is marked with a question mark: write it as key: value.")
  no_key_twice(depth, text)
  if (text ~ /(^|[: ])[|>][-+0-9]*( +#.*)?$/) {
    block = 1
    block_depth = depth
  }
}

depth == 0 {
  section = key_of(text)
  if (text !~ /^(apiVersion|kind|metadata|spec):/) refuse("only apiVersion, kind, metadata and spec may stand here: take out " text)
  if (after_spec) refuse("spec must be the last part, because the release's traffic is added to it: move " section " before it.")
  if (section == "kind" && value_of(text) != kind) refuse("the kind must be " kind ", as rendered.")
  if (section == "metadata" || section == "spec") {
    if (!opens(text, section)) refuse(section " must stand on a line of its own, with its parts below it.")
  }
  if (section == "spec") after_spec = 1
  part = ""
  next
}

section == "apiVersion" || section == "kind" { refuse(section " must be one word: take out " text) }

section == "metadata" {
  if (depth < 2 || (depth > 2 && part == "")) refuse("the parts of metadata must be indented by two spaces, as rendered.")
  if (depth > 2 && part ~ /^name/) refuse("the " part " must be one word: take out " text)
  if (depth > 2) next
  part = key_of(text)
  if (text !~ /^(name|namespace|labels|annotations):/) refuse("only name, labels and annotations may stand in metadata: take out " text)
  if (part == "name") named = 1
  if (part == "name" && value_of(text) != name) refuse("the name must be " name ", as in deploy/common.sh: the release would go elsewhere.")
  if (part == "namespace" && value_of(text) != project) refuse("the namespace must be " project ", as in deploy/common.sh: take it out.")
  next
}

# In a container, and not in a comment, a text or an annotation.
section == "spec" && (kind == "Job" || part == "spec") && (text == "image: " image || text == "- image: " image) {
  with_image = 1
}

section == "spec" && kind == "Service" {
  if (depth == 2 && key_of(text) == "traffic") refuse("spec has a traffic of its own, and a release decides the traffic: take it out.")
  if (depth < 4 && !(depth == 2 && opens(text, "template"))) refuse("nothing but template: may stand in spec, indented by two spaces: take out " text)
  if (depth == 2) {
    templated = 1
    next
  }
  if (!templated) refuse("template: must come first in spec, indented by two spaces.")
  if (depth == 4 && opens(text, "(metadata|spec)")) {
    part = key_of(text)
    parts[part] = 1
    part_seen = 0
    next
  }
  if (depth < 6 || part == "" || (depth > 6 && !part_seen)) {
    refuse("template must have metadata: and spec: on lines of their own, indented by four spaces, and their parts by six.")
  }
  part_seen = 1
  if (part == "metadata" && depth == 6) {
    if (key_of(text) == "name") refuse("the revision has a name of its own, and a release gives it one: take it out.")
    if (text !~ /^(labels|annotations):/) refuse("only labels and annotations may stand in the revision's metadata: take out " text)
  }
}

END {
  if (refused) exit 1
  fault = ""
  if (!named) fault = "metadata has no name: it should be " name "."
  else if (!after_spec) fault = "it has no spec."
  else if (kind == "Service" && !parts["metadata"]) fault = "the template in spec has no line metadata:, below which a release writes the revision's name."
  else if (!with_image) fault = "it does not name the image: its line should be image: " image
  if (fault) {
    print FILENAME ": " fault
    exit 1
  }
}

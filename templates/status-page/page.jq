# The page: no script, nothing from elsewhere, and every text escaped.
def percent: if . == null then "not known" else (. * 100000 | floor / 1000 | tostring) + "%" end;
def words: {
  operational: "All is well",
  degraded: "It answers, but slowly or not always",
  down: "It does not answer",
  maintenance: "Closed for maintenance",
  unknown: "Not known at the moment"
};
def at: sub("T"; " ") | sub(":\\d\\dZ$"; " UTC");
(.promised // 0.999) as $promised
| def class: if . == null then "unknown" elif . >= $promised then "operational" elif . >= 0.99 then "degraded" else "down" end;
@html "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta http-equiv=\"refresh\" content=\"60\">
<meta name=\"robots\" content=\"noindex\">
<title>\(.title): \(words[.state])</title>
<style>" + $style + @html "</style>
</head>
<body>
<main>
<h1>\(.title)</h1>
<p class=\"now \(.state)\" role=\"status\"><strong>\(words[.state])</strong><br>since \(.since | at)</p>
<h2>The last \(.days | length) days</h2>
<ol class=\"days\">
" + ([.days[] | @html "<li class=\"\(.answered | class)\" title=\"\(.date): \(.answered | percent)\"><span>\(.date): \(.answered | percent)</span></li>"] | join("\n")) + @html "
</ol>
<p>\(if .answered == null then "No day is known yet" else "It answered \(.answered | percent) of the time, of \(.days | map(select(.answered != null)) | length) days that are known" end); \($promised | percent) are promised.</p>
<footer>Looked at \(.updated | at). If that is long ago, nobody knows better: this page is made where the application runs.</footer>
</main>
</body>
</html>"

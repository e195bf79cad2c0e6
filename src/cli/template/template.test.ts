import { expect, test } from "bun:test";
import { compileTemplate } from "./template.ts";

const data = {
  ID: "abc",
  Size: 42,
  Tags: ["x:1", "y:2"],
  None: [],
  Nested: { Deep: { Value: "v" } },
  Labels: new Map<string, unknown>([
    ["b", "2"],
    ["a", "1"],
  ]),
  Flag: true,
  Null: null,
};

const render = (source: string) => compileTemplate(source)(data);

/** What Go's text/template with docker's functions prints for the same. */
const cases: readonly (readonly [template: string, output: string])[] = [
  ["plain", "plain"],
  ["{{.ID}}:{{ .Size }}", "abc:42"],
  ["{{.Nested.Deep.Value}}", "v"],
  ["{{(.Nested).Deep.Value}}", "v"],
  ["{{.Tags}} {{.Labels}} {{.Null}} {{.Flag}}", "[x:1 y:2] map[a:1 b:2] <no value> true"],
  ["{{.Labels.a}}/{{.Labels.zz}}", "1/<no value>"],
  ['{{index .Tags 1}}{{index .Labels "a"}}{{index .Labels "zz"}}.', "y:21."],
  ["{{len .Tags}}{{len .ID}}{{len .Labels}}", "232"],
  ["{{json .Tags}} {{json .Labels}} {{.ID | json}}", '["x:1","y:2"] {"a":"1","b":"2"} "abc"'],
  ["{{json .Nested}}", '{"Deep":{"Value":"v"}}'],
  ['{{join .Tags ", "}}', "x:1, y:2"],
  ['{{index (split "a/b/c" "/") 2}}', "c"],
  ['{{upper .ID}}{{lower "ABC"}}{{title "two words"}}', "ABCabcTwo Words"],
  ['[{{pad .ID 1 2}}][{{truncate .ID 2}}][{{pad "" 1 1}}]', "[ abc  ][ab][]"],
  ["{{range .Tags}}<{{.}}>{{end}}", "<x:1><y:2>"],
  ["{{range $i, $e := .Tags}}{{$i}}={{$e}} {{end}}", "0=x:1 1=y:2 "],
  ["{{range $k, $v := .Labels}}{{$k}}{{$v}}{{end}}", "a1b2"],
  ["{{range .None}}x{{else}}none{{end}}", "none"],
  ['{{range .Tags}}{{if eq . "x:1"}}{{continue}}{{end}}{{.}}{{end}}', "y:2"],
  ["{{range .Tags}}{{.}}{{break}}{{end}}", "x:1"],
  ["{{if .None}}a{{else if .Flag}}b{{else}}c{{end}}", "b"],
  ["{{if not .Flag}}a{{else}}b{{end}}", "b"],
  ["{{with .Nested.Deep}}{{.Value}}{{$.ID}}{{end}}", "vabc"],
  ["{{with .Null}}x{{else}}nothing{{end}}", "nothing"],
  ['{{$x := .ID}}{{$x}}{{if true}}{{$x = "new"}}{{end}}{{$x}}', "abcnew"],
  ["{{if and .Flag (gt .Size 41) (le .Size 42)}}yes{{end}}", "yes"],
  ["{{or .Null .None .ID}} {{and .ID 0}}", "abc 0"],
  ["{{if or .Flag (index .Tags 99)}}short{{end}}", "short"],
  ['{{eq .ID "x" "abc"}} {{ne 1 2}} {{lt "a" "b"}} {{ge 1 2}}', "true true true false"],
  ['{{print 1 2 "a" "b" 3 4}}|{{println "a" 1}}', "1 2ab3 4|a 1\n"],
  [
    '{{printf "%5s|%-5s|%05d|%q|%x|%.2f|%v|%%" "ab" "cd" 42 "q" 255 1.5 .Tags}}',
    '   ab|cd   |00042|"q"|ff|1.50|[x:1 y:2]|%',
  ],
  ["a {{- 1 -}} b", "a1b"],
  ["a{{/* note }} */}}b {{- /* c */ -}} d", "abd"],
  ['{{"\\t\\x41\\u00e9\\""}}{{`\\raw`}}{{\'a\'}}', '\tAé"\\raw97'],
  ["{{slice .ID 1 2}}{{slice .Tags 1}}", "b[y:2]"],
  ['{{html "<&>"}} {{urlquery "a b&"}}', "&lt;&amp;&gt; a+b%26"],
  ["{{0x10}}", "16"],
];

test.each(cases)("%s", (template, output) => {
  expect(render(template)).toBe(output);
});

/** Each error says where; the place is that of what is wrong. */
const wrong: readonly (readonly [template: string, column: string, text: string])[] = [
  ["{{.ID", "line 1, column 1", "not closed"],
  ["a\nbc{{end}}", "line 2, column 3", "nothing to close"],
  ["{{if .ID}}x", "line 1, column 1", "{{if}} has no {{end}}"],
  ["{{range .Tags}}a{{else}}b{{else}}c{{end}}", "line 1, column 1", "has no {{end}}"],
  ["{{.ID}} {{uper .ID}}", "line 1, column 11", 'no function "uper"'],
  ['{{"abc}}', "line 1, column 3", "string is not closed"],
  ["{{(.ID}}", "line 1, column 3", "parenthesis is not closed"],
  ["{{.ID)}}", "line 1, column 6", "not expected"],
  ["{{}}", "line 1, column 1", "a value is missing"],
  ["{{.ID |}}", "line 1, column 1", "a value is missing"],
  ["{{break}}", "line 1, column 1", "outside of a range"],
  ['{{define "x"}}{{end}}', "line 1, column 3", "not for a format"],
  ["{{.Foo}}", "line 1, column 3", 'no field "Foo"; there are ID, Size'],
  ["{{.Nested.Foo}}", "line 1, column 10", 'no field "Foo"; there are Deep'],
  ["{{.ID.Foo}}", "line 1, column 6", 'has no field "Foo"'],
  ["{{.Null.Foo}}", "line 1, column 8", "nothing has no field"],
  ["{{index .Tags 2}}", "line 1, column 3", "out of range"],
  ["{{len .Size}}", "line 1, column 3", "has no length"],
  ["{{join .ID}}", "line 1, column 3", "wants 2 arguments, got 1"],
  ["{{eq .ID 1}}", "line 1, column 3", "cannot be compared"],
  ["{{.ID .Size}}", "line 1, column 3", "no function and takes no arguments"],
  ["{{range .Size}}{{end}}", "line 1, column 9", "wants a list or a map"],
  ["{{$x}}", "line 1, column 3", "no variable $x"],
  ["{{constructor}}", "line 1, column 3", 'no function "constructor"'],
  ["{{.constructor}}", "line 1, column 3", 'no field "constructor"'],
];

test.each(wrong)("%s is refused at %s", (template, place, text) => {
  expect(() => render(template)).toThrow(`${place}: `);
  expect(() => render(template)).toThrow(text);
});

test("blocks and parentheses without end are refused, not followed", () => {
  expect(() => compileTemplate("{{if true}}".repeat(5000))).toThrow("too deep");
  expect(() => compileTemplate(`{{${"(".repeat(5000)}1`)).toThrow("not closed");
  expect(() => compileTemplate(`{{${"(".repeat(5000)}1}}`)).toThrow("too deep");
});

test("in a table's head, functions leave the names alone", () => {
  const template = compileTemplate('{{join .Tags ","}} {{upper .ID}} {{json .Size}}');
  expect(template({ Tags: "Tag names", ID: "Id", Size: "Size" }, { head: true })).toBe("Tag names Id Size");
});

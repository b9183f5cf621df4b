#!/usr/bin/env python3
"""Checks an Onrecord ledger, or one exhibit taken from it, without trusting whoever runs the ledger.

    verify.py http://127.0.0.1:8080 [--key VKEY] [--policy FILE]    a whole ledger, or a folder with a copy
    verify.py exhibit-41.zip        [--key VKEY] [--policy FILE]    one entry with its own proof, also unpacked
    verify.py case-36.zip           [--key VKEY] [--policy FILE]    a case: an exhibit of each of its entries
    verify.py proof --entry entry   [--key VKEY] [--policy FILE]    a receipt: what /proof/41 and /entry/41 serve
    ... --policy FILE --max-age 24h           only cosignatures that are no older count
    verify.py --vectors FILE   or   verify.py --speccheck FILE      this program against known answers

Written from the specification alone, sharing no code with the program it checks; section numbers below are
those of its page on formats. The event types are data: events.json, beside this file or in ../schema.
Needs Python 3.11 and two packages from PyPI, `cryptography` and `blake3`.

What a good verdict proves: the holders of the keys shown signed these facts and the digest of these words,
and the ledger committed to them, in this order, under one signed root. For a whole ledger: every rule of the
ledger was followed at every entry. What it does not prove: that the words are true; that the keys are whose
they are said to be; that the ledger's clock is right; and, without witnesses, that others see this history.

Not checked here: RFC 3161 timestamps; the torsion of added keys and the checks of words at the door, since both
bind new submissions alone.
Exit codes: 0 valid; 1 refused; 2 a command or a policy that can't be read; 3 not decided: something needed is not
there or can't be read, or sound only on trust it brought itself.
"""
import argparse, base64, binascii, datetime, hashlib, http.client, json, pathlib, re, stat, struct, sys, time, zlib
import urllib.error, urllib.request
from types import SimpleNamespace

try:
    from blake3 import blake3
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ModuleNotFoundError as e:
    print(f"{e}; this needs two packages: python3 -m pip install cryptography blake3", file=sys.stderr)
    sys.exit(3)
try:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
except ModuleNotFoundError:
    MLDSA44PublicKey = None  # an older `cryptography`

# Nothing from outside is read beyond these sizes (bytes, unless they say otherwise).
MAX_EVENT, MAX_ENTRY, MAX_CONTENT, MAX_NOTE, MAX_PROOF = 61_440, 65_535, 262_144, 65_536, 131_072
MAX_FILE, MAX_EXHIBIT, MAX_MEMBERS, MAX_LINES, MAX_PATH, MAX_DEPTH = 1 << 32, 1 << 28, 20_000, 100, 63, 32
MAX_NUMBER, WITHHELD, TIMEOUT, MAX_POLICY, MAX_FIELDS = 2**53 - 1, 0xFFFFFFFF, 60, 1 << 18, 100
MAX_HEAD = 1 << 16
ID = re.compile("[0-9a-f]{64}")
NAME = re.compile(r"(?=.{1,128}\Z)[a-z0-9.-]+(/[a-z0-9._-]+)*")
COUNTRIES = set("""AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ
BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE
IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC
MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE
PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT
ZA ZM ZW""".split())

class Refused(Exception):
    """What was looked at breaks a rule. `code` is that of section 9, for faults of events."""

    def __init__(self, code, place, why):
        super().__init__(f"{code}: {place}: {why}" if code else f"{place}: {why}")
        self.code = code

class Unreadable(Exception):
    """Nothing can be said: the thing could not be read."""

class Foreign(Unreadable):
    """What was given is sound, but is no exhibit, or several."""

class Usage(Exception):
    """The command can't be carried out: the message says what to give instead."""

def need(good, code, place, why):
    if not good:
        raise Refused(code, place, why)

def quote(text):
    """Foreign text, made safe for a terminal."""
    return ascii(str(text)[:80])

def digest(raw):
    return blake3(raw).hexdigest()

def unbase64(text):
    """Standard, padded, canonical base64; None if it is anything else."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw).decode() == text else None

def number(text, most=MAX_NUMBER):
    """A decimal number from 0 without leading zeros; None if it is anything else."""
    good = re.fullmatch("0|[1-9][0-9]{0,15}", text)
    return int(text) if good and int(text) <= most else None

# ---- Keys, signatures, notes (sections 2 and 3; c2sp.org/signed-note) ----

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
                    "little")
SMALL_ORDER_Y = {0, 1, P - 1, Y8, P - Y8}  # the y of the eight points of small order

def strict_point(encoded):
    """Whether a point is canonical and not of small order. A sign bit with x = 0 needs no check of its own: that is so
    only at y = 1 and y = -1, which are of small order."""
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    return y < P and y not in SMALL_ORDER_Y

def verify_strict(key, message, signature):
    """Strict Ed25519. OpenSSL compares R with the encoding of S*B - k*A: the cofactorless equation."""
    if len(signature) != 64 or not (strict_point(key) and strict_point(signature[:32])):
        return False
    if int.from_bytes(signature[32:], "little") >= L:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False

def verify_ml_dsa(key, message, signature):
    """ML-DSA-44 (FIPS 204), without a context."""
    if not MLDSA44PublicKey:
        raise Unreadable("ML-DSA-44 can't be checked here: it needs a newer package cryptography")
    try:
        MLDSA44PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except UnsupportedAlgorithm as e:
        raise Unreadable(f"ML-DSA-44 can't be checked here: {e}") from None
    except (InvalidSignature, ValueError):
        return False

def read_vkey(text, kind=1, foreign=False):
    """A vkey of this type. Parties and this project's logs have the names of section 2; witnesses, and foreign logs,
    those of signed-note."""
    parts = text.split("+", 2) if type(text) is str else []
    raw = unbase64(parts[2]) if len(parts) == 3 else None
    if not raw or raw[0] != kind or len(raw) != (1313 if kind == 6 else 33):
        return None
    name = parts[0]
    good = NAME.fullmatch(name) if kind == 1 and not foreign else \
        name and not any(c.isspace() or c < "!" or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in name)
    if not good:
        return None
    key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if parts[1] != key_id.hex():
        return None
    return SimpleNamespace(text=text, name=name, id=key_id, key=raw[1:], kind=kind)

def read_note(raw, limit):
    """Takes a signed note apart: its text, and (name, key id, signature) of each line. Verifies nothing."""
    need(len(raw) <= limit, "NOTE_TOO_LONG", "note", f"at most {limit} bytes, found {len(raw)}")
    try:
        whole = bytes(raw).decode()
    except UnicodeDecodeError as e:
        raise Refused("NOTE_NOT_UTF8", f"note, byte {e.start + 1}", "not UTF-8") from None
    control = re.search("[\0-\x09\x0b-\x1f]", whole)
    need(not control, "NOTE_CONTROL_CHARACTER", "note", "a control character other than the newline")
    text, gap, block = whole.rpartition("\n\n")
    need(gap and block, "NOTE_UNSIGNED", "note", "expected text, an empty line and signature lines")
    lines = block.split("\n")
    need(lines.pop() == "", "BAD_SIGNATURE_LINE", "last line", "no newline at its end")
    need(len(lines) <= MAX_LINES, "BAD_SIGNATURE_LINE", "signatures", f"more than {MAX_LINES}")
    signatures = []
    for i, line in enumerate(lines, 1):
        dash, name, encoded = (line.split(" ", 2) + ["", ""])[:3]
        sig = unbase64(encoded)
        good = dash == "\u2014" and name and "+" not in name and not any(c.isspace() for c in name)
        need(good and sig and len(sig) > 4, "BAD_SIGNATURE_LINE", f"signature line {i}",
             "expected an em dash, a key name, and key id with signature in canonical base64")
        signatures.append((name, sig[:4], sig[4:]))
    return SimpleNamespace(raw=bytes(raw), text=text + "\n", signatures=signatures)

def signed_by(note, key):
    """Whether some line is this key's and good. Other lines are ignored, as signed-note asks."""
    message = note.text.encode()
    return any((name, key_id) == (key.name, key.id) and verify_strict(key.key, message, sig)
               for name, key_id, sig in note.signatures)

# ---- Line 3 of an event: JSON that cannot be read in two ways (section 3) ----

def parse_json(line):
    bad = re.search(r"[^!-~]|\\", line)
    need(not bad, "JSON_BYTE", f"line 3, byte {bad and bad.start() + 1}",
         "not a byte of 0x21 to 0x7E, or a backslash")
    value, end = parse_value(line, 0, 1)
    need(end == len(line), "JSON_SYNTAX", f"line 3, byte {end + 1}", "expected the end of the line")
    need(type(value) is dict, "JSON_NOT_OBJECT", "line 3", "expected an object")
    return value

def parse_value(s, at, level):
    place, first = f"line 3, byte {at + 1}", s[at:at + 1]
    if first == '"':
        end = s.find('"', at + 1)
        need(end > 0, "JSON_SYNTAX", place, "a string without an end")
        return s[at + 1:end], end + 1
    if first and first in "{[":
        need(level <= MAX_DEPTH, "JSON_DEPTH", place, f"nested deeper than {MAX_DEPTH} levels")
        close, out, names = "}]"[first == "["], [], set()
        need(s[at + 1:at + 2] != close, "JSON_EMPTY", place, "nothing in it: leave the member out")
        while True:
            at += 1  # past the bracket or the comma
            if first == "{":
                place = f"line 3, byte {at + 1}"
                need(s[at:at + 1] == '"', "JSON_SYNTAX", place, "expected a member name")
                name, at = parse_value(s, at, level + 1)
                need(name not in names, "JSON_DUPLICATE", place, f"the name {quote(name)} twice")
                names.add(name)
                need(s[at:at + 1] == ":", "JSON_SYNTAX", f"line 3, byte {at + 1}", "expected a colon")
                at += 1
            value, at = parse_value(s, at, level + 1)
            out.append((name, value) if first == "{" else value)
            if s[at:at + 1] == close:
                return (dict(out) if first == "{" else out), at + 1
            need(s[at:at + 1] == ",", "JSON_SYNTAX", f"line 3, byte {at + 1}", f"expected a comma or {close}")
    token = re.compile("[0-9+.eE-]+").match(s, at)
    if token and first not in "eE":
        good = re.fullmatch("0|-?[1-9][0-9]{0,15}", token[0]) and abs(int(token[0])) <= MAX_NUMBER
        need(good, "JSON_NUMBER", place,
             "expected an integer of at most 2^53-1 in size, without fraction or exponent")
        return int(token[0]), token.end()
    for word, value in (("true", True), ("false", False)):
        if s.startswith(word, at):
            return value, at + len(word)
    need(not s.startswith("null", at), "JSON_NULL", place, "null: leave the member out")
    raise Refused("JSON_SYNTAX", place, "expected a value")

# ---- Events (section 3, and events.json) ----

def load_types():
    here = pathlib.Path(__file__).resolve().parent
    for path in (here / "events.json", here.parent / "schema" / "events.json"):
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    raise Unreadable("events.json, the list of event types, is neither beside this file nor in ../schema")

def is_day(v):
    try:
        return type(v) is str and bool(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", v)
                                       and datetime.date.fromisoformat(v))
    except ValueError:
        return False

def is_at(v):
    clock = "T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[+-]([01][0-9]|2[0-3]):[0-5][0-9]"
    return type(v) is str and (is_day(v + "-01") if len(v) == 7 else
                               is_day(v[:10]) and (len(v) == 10 or bool(re.fullmatch(clock, v[10:]))))

def is_time(v):
    return is_day(v[:10]) and bool(re.fullmatch("T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z", v[10:]))

def is_id(v):
    return type(v) is str and bool(ID.fullmatch(v))

def is_count(v, least=0, most=MAX_NUMBER):
    return type(v) is int and least <= v <= most

def ascending(values):
    return all(a < b for a, b in zip(values, values[1:]))

def is_deadline(v):
    if type(v) is not dict or "by" in v:
        return type(v) is dict and set(v) == {"by"} and is_day(v["by"])
    holidays = v.get("holidays", [])
    return ({"days", "rule", "from"} <= set(v) <= {"days", "rule", "from", "weekly", "holidays"}
            and is_count(v["days"], 1, 3650) and v.get("weekly", "sunday") in ("sunday", "friday")
            and v["rule"] in ("calendar", "working", "my-interpretation-act-54")
            and v["from"] in ("issue", "relayed", "available", "handed_over", "accepted")
            and type(holidays) is list and all(map(is_day, holidays)) and ascending(holidays))

def is_items(v, member, words):
    good = type(v) is list and all(type(i) is dict and set(i) == {"item", member} and is_count(i["item"], 1)
                                   and i[member] in words for i in v)
    return good and ascending([i["item"] for i in v])

def is_position(v):
    return v == "content" or type(v) is str and v.startswith("files/") and number(v[6:]) is not None

def is_fact(kind, v):
    if type(kind) is list:
        return type(v) is str and v in kind
    keys = [read_vkey(k) for k in v] if kind == "vkeys" and type(v) is list else [None]
    return {
        "count": lambda: is_count(v), "bool": lambda: type(v) is bool, "at": lambda: is_at(v),
        "vkey": lambda: bool(read_vkey(v)), "hash": lambda: is_id(v), "day": lambda: is_day(v),
        "vkeys": lambda: all(keys) and len({k.key for k in keys}) == len(keys),
        "country": lambda: type(v) is str and v in COUNTRIES,
        "zone": lambda: type(v) is str and v in TYPES["zones"],
        "language": lambda: type(v) is str and len(v) <= 35 and
        bool(re.fullmatch("[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", v)),
        "deadline": lambda: is_deadline(v),
        "outcomes": lambda: is_items(v, "outcome", ("answered", "partly", "refused", "not_held", "holding")),
        "verdicts": lambda: is_items(v, "verdict", ("satisfied", "partly", "unsatisfied")),
        "positions": lambda: type(v) is list and all(map(is_position, v)) and len(set(v)) == len(v),
    }[kind]()

def read_event(raw, origin):
    """Reads an event and checks its shape. Its signatures are left to check_signatures."""
    note = read_note(raw, MAX_EVENT)
    lines = note.text.split("\n")[:-1]
    need(len(lines) == 3, "EVENT_LINES", "text", f"expected three lines, found {len(lines)}")
    need(lines[0] == "onrecord/event/v1", "EVENT_MARKER", "line 1", f"found {quote(lines[0])}")
    need(lines[1] == origin, "WRONG_ORIGIN", "line 2", f"expected {origin}, found {quote(lines[1])}")
    m = parse_json(lines[2])
    for name in m:
        known = ("type", "by", "at", "case", "refs", "facts", "content")
        need(name in known, "UNKNOWN_MEMBER", quote(name), "not a member of an event")
    for name in ("type", "by", "at"):
        need(name in m, "MISSING_MEMBER", name, "expected this member")
    spec = TYPES["types"].get(m["type"]) if type(m["type"]) is str else None
    need(spec, "UNKNOWN_TYPE", "type", f"no such event type: {quote(m['type'])}")
    need(type(m["by"]) is list and len(m["by"]) <= 16, "BAD_BY", "by", "expected an array of 1 to 16 vkeys")
    by = [read_vkey(k) for k in m["by"]]
    need(all(by), "BAD_VKEY", "by", "a member that is no vkey of type 0x01")
    need(len({k.key for k in by}) == len(by), "BAD_BY", "by", "a public key twice")
    need(is_at(m["at"]), "BAD_AT", "at", f"no date or time of the three forms: {quote(m['at'])}")
    case = m.get("case")
    need(case is None or is_id(case), "BAD_ID", "case", "expected 64 lower-case hex digits")
    refs, facts = m.get("refs", {}), m.get("facts", {})
    need(type(refs) is dict, "BAD_REF", "refs", "expected an object")
    need(type(facts) is dict, "BAD_FACT", "facts", "expected an object")
    for place, given, known in (("refs", refs, spec["refs"]), ("facts", facts, spec["facts"])):
        for name in given:
            need(name in known, "UNKNOWN_MEMBER", f"{place}.{quote(name)}", f"not with {m['type']}")
        for name in known:
            good = name in given or not known[name]["required"]
            need(good, "MISSING_MEMBER", f"{place}.{name}", "expected this member")
    for role, ids in refs.items():
        many = spec["refs"][role]["many"]
        need((type(ids) is list) == many, "BAD_REF", f"refs.{role}", "an array of ids" if many else "one id")
        ids = refs[role] = ids if many else [ids]  # from here on every role is a list
        need(all(type(i) is str for i in ids), "BAD_REF", f"refs.{role}", "expected ids")
        need(all(map(is_id, ids)), "BAD_ID", f"refs.{role}", "expected 64 lower-case hex digits")
        need(len(set(ids)) == len(ids) <= 64, "BAD_REF", f"refs.{role}", "more than 64, or an id twice")
    for name, value in facts.items():
        kind = spec["facts"][name]["is"]
        need(is_fact(kind, value), "BAD_FACT", f"facts.{name}", f"not of the type {kind}")
    if m["type"] == "ledger.opened":
        good = read_vkey(facts["checkpoint_key"]).name == origin
        need(good, "BAD_FACT", "facts.checkpoint_key", "its name is not the origin")
    if facts.get("kind") in ("person", "account") and m["type"] == "party.registered":
        check_pseudonyms(facts.get("keys", []), origin)
    c = m.get("content")
    need(c or spec["content"] != "required", "MISSING_MEMBER", "content", "this type carries words")
    need(c is None or spec["content"] != "none", "BAD_CONTENT_REF", "content", "this type carries no words")
    if c is not None:
        need(type(c) is dict, "BAD_CONTENT_REF", "content", "expected {blake3, size}")
        need(set(c) <= {"blake3", "size"}, "UNKNOWN_MEMBER", "content", "expected blake3 and size")
        good = is_id(c.get("blake3")) and is_count(c.get("size"), 1, MAX_CONTENT)
        need(good, "BAD_CONTENT_REF", "content", f"expected a digest and a size of 1 to {MAX_CONTENT}")
    need(case or spec["case"] != "required", "CASE_REQUIRED", "case", "expected the id of a case")
    need(not case or spec["case"] != "refused", "CASE_REFUSED", "case", f"not with {m['type']}")
    return SimpleNamespace(note=note, origin=origin, id=digest(note.text.encode()), type=m["type"], spec=spec,
                           by=by, at=m["at"], case=case, refs=refs, facts=facts, content=c)

def check_pseudonyms(keys, origin):
    for k in map(read_vkey, keys):
        good = re.fullmatch(re.escape(origin) + "/[0-9a-f]{16}", k.name)
        need(good, "BAD_FACT", "facts", "the key of a person or account is named <origin>/<16 hex digits>")

def check_signatures(event):
    """One line for each member of `by`, in that order, and no other; each of them strict."""
    lines = event.note.signatures
    need(len(lines) == len(event.by), "SIGNATURE_COUNT", "signatures", f"{len(lines)} for {len(event.by)}")
    for i, ((name, key_id, _), key) in enumerate(zip(lines, event.by), 1):
        need((name, key_id) == (key.name, key.id), "SIGNATURE_ORDER", f"signature line {i}",
             f"not that of {key.name}")
    for i, ((_, _, sig), key) in enumerate(zip(lines, event.by), 1):
        need(verify_strict(key.key, event.note.text.encode(), sig), "BAD_SIGNATURE", f"signature line {i}",
             f"not a signature by {key.name} over these three lines")

def added_keys(event):
    where = {"ledger.opened": "operator_key", "key.added": "key", "party.registered": "keys"}.get(event.type)
    found = event.facts.get(where, [])
    return [read_vkey(k) for k in (found if type(found) is list else [found])]

def thread_of(event):
    party = event.refs.get("party", [None])[0]
    return {"own": event.id, "party": party, "case": event.case or event.id}[event.spec["thread"]]

def read_entry(raw, origin):
    """What the ledger added, and the event inside (section 4)."""
    need(len(raw) <= MAX_ENTRY, "ENTRY_TOO_LONG", "entry", f"{len(raw)} bytes")
    head, gap, note = bytes(raw).partition(b"\n\n")
    need(gap and head.isascii(), None, "entry", "no header, empty line and event")
    lines = head.decode("ascii").split("\n")
    need(len(lines) > 6, None, "header", "fewer lines than an entry has")
    need(lines[0] == "onrecord/entry/v1", None, "header line 1", f"found {quote(lines[0])}")
    need(lines[1] == origin, None, "header line 2", f"expected {origin}, found {quote(lines[1])}")

    def words(line, *form):
        found = lines[line - 1].split(" ") if line <= len(lines) else []
        good = len(found) == len(form) and found[0] == form[0]
        pairs = list(zip(found[1:], form[1:]))
        values = [number(word) if is_ is number else word if is_(word) else None for word, is_ in pairs]
        need(good and None not in values, None, f"header line {line}", f"not a line '{form[0]}'")
        return values
    event = read_event(note, origin)
    signers = [tuple(words(i, "signer", is_id, number)) for i in range(7, len(lines) + 1)]
    need(len(signers) == len(event.by), None, "header", f"{len(signers)} signer lines, {len(event.by)} in by")
    (index,), (time,), (prev,) = words(3, "index", number), words(4, "time", is_time), words(5, "prev", is_id)
    thread, k = words(6, "thread", is_id, number)
    return SimpleNamespace(raw=bytes(raw), index=index, time=time, prev=prev, thread=thread, k=k,
                           signers=signers, event=event)

# ---- The rules, at every index again (section 5, and `checks` of events.json) ----

class History:
    """All that the entries below an index say of keys, roles, threads and events."""

    def __init__(self, origin):
        self.origin, self.size, self.operator, self.log_key = origin, 0, None, None
        self.events, self.threads, self.keys, self.names, self.key_ids = {}, {}, {}, {}, set()
        self.roles, self.kinds, self.fictional, self.withheld_words = set(), {}, set(), {}

    def decide(self, event, words=None, door=False):
        """Refuses an event that may not stand at the next index. Gives the party of each signer."""
        opens = event.type == "ledger.opened"
        need(opens or self.size, "NOT_OPENED", "type", "the first event is ledger.opened")
        need(not (opens and self.size), "ALREADY_OPENED", "type", "the ledger was opened at index 0")
        parties = self.check_keys(event)
        self.check_role(event, parties[0])
        self.check_refs(event)
        if door:
            check_words_at_the_door(event, words)
        withheld = event.content and self.withheld_words.get(event.content["blake3"])
        need(not withheld, "BLOB_WITHHELD", "content", "these words are withheld on this ledger")
        self.cross_check(event, parties[0])
        return parties

    def check_keys(self, event):
        added = added_keys(event)
        party = event.refs.get("party", [event.id])[0]  # whom added keys will belong to
        proving = {k.text for k in added}  # these sign to prove possession, which gives no authority
        parties = []
        for i, k in enumerate(event.by):
            if k.text in proving and (i > 0 or event.type == "ledger.opened"):
                parties.append(party)
                continue
            known = self.keys.get(k.key)
            need(known and known.name == k.name, "KEY_UNKNOWN", f"by[{i}]", f"{k.text} was never added")
            parties.append(known.party)
        for i, k in enumerate(event.by):
            known = None if k.text in proving else self.keys[k.key]
            need(not known or known.revoked is None, "KEY_REVOKED", f"by[{i}]",
                 f"{k.text} was revoked at index {known and known.revoked}")
        if event.type == "key.revoked":
            k = read_vkey(event.facts["key"])
            known = self.keys.get(k.key)
            good = known and (known.party, known.name) == (party, k.name)
            need(good, "KEY_UNKNOWN", "facts.key", "not a key of the party in refs.party")
            need(known.revoked is None, "KEY_REVOKED", "facts.key", "revoked before")
        opens = event.type == "ledger.opened"
        log_key = read_vkey(event.facts["checkpoint_key"]).key if opens else self.log_key
        for i, k in enumerate(added):
            twin = (k.name, k.id) in self.key_ids or (k.name, k.id) in [(o.name, o.id) for o in added[:i]]
            need(k.key not in self.keys and not twin and k.key != log_key, "KEY_TAKEN", "facts",
                 f"the key {k.text}, its name and id, or the log's own, is or was on record")
        for k in added:
            good = self.names.get(k.name, party) == party
            need(good, "KEY_NAME_TAKEN", "facts", f"the name {k.name} belongs to another party")
        for k in added:
            need(k.text in {b.text for b in event.by}, "KEY_NO_POSSESSION", "facts", f"{k.text} did not sign")
        if event.type == "key.added" and self.kinds.get(party) in ("person", "account"):
            check_pseudonyms([event.facts["key"]], self.origin)
        return parties

    def check_role(self, event, author):
        def may(who):
            rule, _, role = who.partition(":")
            named = event.refs.get(role, [None])[0]
            row = self.events.get(named)
            return {"first": self.size == 0, "any": True, "op": author == self.operator,
                    "reg": author == self.operator or (author, "registrar") in self.roles,
                    "rec": author == self.operator or (author, "recorder") in self.roles,
                    "self": named == author, "subject": bool(row) and author in row.subjects,
                    "author": bool(row) and author in row.authors}[rule]
        who = event.spec["who"]
        need(any(map(may, who)), "NOT_ALLOWED", "by[0]", f"{event.type} is signed by {' or '.join(who)}")

    def check_refs(self, event):
        if event.case:
            need(event.case in self.events, "REF_UNKNOWN", "case", "not on record before")
            need(self.events[event.case].type == "case.opened", "REF_KIND", "case", "not a case.opened")
        case = event.id if event.type == "case.opened" else event.case
        for role, known in event.spec["refs"].items():
            for target in event.refs.get(role, ()):
                row, place = self.events.get(target), f"refs.{role}"
                need(row, "REF_UNKNOWN", place, f"{target} is not on record before")
                need(known["kind"] == "any" or row.type in known["kind"], "REF_KIND", place, f"a {row.type}")
                touched = {"content": "entry", "correction": "corrects"}.get(event.type.split(".")[0]) == role
                good = row.case == case if touched else known.get("cross") or row.case in (None, case)
                need(good, "REF_CASE", place, "it stands in another case")

    def cross_check(self, event, author):
        def check(name, good, why):
            need(good, "CHECK_FAILED", name, why)
        kind, f, at = event.type, event.facts, event.at
        ref = {role: self.events[ids[0]] for role, ids in event.refs.items()}
        ids = {role: ids[0] for role, ids in event.refs.items()}
        if kind == "demand.issued":
            respondent = self.events[event.case].event.refs["respondent"][0]
            check("demand.respondent", ids["respondent"] == respondent, "not the case's respondent")
            check("demand.items", 1 <= f["items"] <= 100, f"{f['items']} items")
            check("demand.sender", "petitioner" in ids or "counsel" in ids, "nobody stands behind it")
            d = f.get("deadline", {})
            act54 = d.get("rule") == "my-interpretation-act-54"
            good = {"weekly", "holidays"} <= set(d) if act54 else "weekly" not in d
            check("deadline.rule", good, "weekly and holidays with my-interpretation-act-54, else no weekly")
        if kind == "disclosure.made":
            reply = f["kind"] == "reply"
            good = reply == ("demand" in ids) and (reply or "items" not in f)
            check("disclosure.reply", good, "refs.demand stands with kind reply, facts.items only then")
            if reply:
                demand = ref["demand"].event
                good = ids["party"] == demand.refs["respondent"][0]
                check("disclosure.reply", good, "by another than the one who was asked")
                most, asked = max((i["item"] for i in f.get("items", ())), default=0), demand.facts["items"]
                check("disclosure.reply", most <= asked, f"item {most} of {asked}")
        if kind == "answer.assessed":
            answer = ref["disclosure"].event
            good = answer.refs.get("demand") == event.refs["demand"]
            check("assessment.pair", good, "the disclosure answers another demand")
            asked, answered = ({i["item"] for i in x.get("items", ())} for x in (f, answer.facts))
            check("assessment.pair", asked <= answered, "an item that was not answered there")
        dated = ("notice.dispatched", "delivery.evidenced", "deadline.adjusted", "collection.opened",
                 "collection.counted", "collection.closed")
        if kind in dated:
            check("at.day", len(at) >= 10, "`at` has no day")
        if kind in ("delivery.evidenced", "receipt.acknowledged"):
            check("evidence.order", at[:10] >= ref["notice"].event.at[:10], "before its notice")
        if kind in ("collection.counted", "collection.closed"):
            row = ref["collection"]
            check("collection.open", not row.closed, "closed before")
            check("collection.open", f["count"] >= row.count, f"{f['count']} is less than {row.count}")
        if kind == "commitment.closed":
            check("commitment.open", not ref["commitment"].closed, "closed before")
        if kind == "content.withheld":
            good = ref["entry"].event.content and not ref["entry"].withheld & set(f["blobs"])
            check("withholding.state", good, "the entry has no words, or they are withheld already")
        if kind == "content.released":
            check("withholding.state", ref["entry"].withheld >= set(f["blobs"]), "not withheld")
        if kind == "case.opened":
            same = f.get("fictional", False) == (ids["respondent"] in self.fictional)
            check("case.fictional", same, "a case is fictional if and only if its respondent is")
        if kind == "correction.issued" and f["effect"] == "annotate":
            check("correction.void", "replacement" not in ids, "a replacement without effect void")
        elif kind == "correction.issued":
            old, new = ref["corrects"], ref.get("replacement")
            check("correction.void", author in old.authors, "voided by somebody else")
            lasting = ("ledger", "party", "key", "role", "case", "content", "correction")
            check("correction.void", old.type.split(".")[0] not in lasting, f"a {old.type} can't be voided")
            check("correction.void", not old.voided, "void already")
            alike = not new or (new.type, new.case) == (old.type, old.case)
            alike = alike and (not new or set(new.authors) & set(old.authors))
            check("correction.void", alike, "the replacement is of another type, case or author")

    def apply(self, event, parties):
        """Takes in an event that passed. Gives its thread, its number in it, and the signer lines."""
        kind, f, party = event.type, event.facts, event.refs.get("party", [event.id])[0]
        for k in added_keys(event):
            self.keys[k.key] = SimpleNamespace(party=party, name=k.name, revoked=None)
            self.names[k.name] = party
            self.key_ids.add((k.name, k.id))
        ref = {role: self.events[ids[0]] for role, ids in event.refs.items()}
        if kind == "ledger.opened":
            self.operator, self.log_key = event.id, read_vkey(f["checkpoint_key"]).key
        elif kind == "party.registered":
            self.kinds[party] = f["kind"]
            if f.get("fictional"):
                self.fictional.add(party)
        elif kind == "key.revoked":
            self.keys[read_vkey(f["key"]).key].revoked = self.size
        elif kind == "role.granted":
            self.roles.add((party, f["role"]))
        elif kind == "role.revoked":
            self.roles.discard((party, f["role"]))
        elif kind in ("collection.counted", "collection.closed"):
            ref["collection"].count, ref["collection"].closed = f["count"], kind == "collection.closed"
        elif kind == "commitment.closed":
            ref["commitment"].closed = True
        elif kind == "correction.issued" and f["effect"] == "void":
            ref["corrects"].voided = True
        elif kind in ("content.withheld", "content.released"):
            row = ref["entry"]
            row.withheld = (row.withheld | set(f["blobs"]) if kind == "content.withheld" else
                            row.withheld - set(f["blobs"]))
            if row.event.content:
                holders = self.withheld_words.setdefault(row.event.content["blake3"], set())
                (holders.add if "content" in row.withheld else holders.discard)(row.event.id)
        subjects = {i for role in event.spec.get("subject", ()) for i in event.refs.get(role, ())}
        self.events[event.id] = SimpleNamespace(
            event=event, index=self.size, type=kind, case=event.id if kind == "case.opened" else event.case,
            authors=parties, subjects=subjects, closed=False, voided=False, count=0, withheld=frozenset())
        thread = thread_of(event)
        k = self.threads[thread] = self.threads.get(thread, -1) + 1
        self.size += 1
        return thread, k, [(p, self.threads[p]) for p in parties]

    def add(self, entry):
        """Checks and takes in the event of an entry, and checks the ledger's own lines about it."""
        thread, k, signers = self.apply(entry.event, self.decide(entry.event))
        need((entry.thread, entry.k) == (thread, k), None, "header line 6", f"expected thread {thread} {k}")
        for i, (found, expected) in enumerate(zip(entry.signers, signers), 7):
            need(found == expected, None, f"header line {i}", f"expected signer {expected[0]} {expected[1]}")

def check_words_at_the_door(event, words):
    """Only for --vectors: of an entry, a verifier judges digest and size of the words alone (section 3)."""
    if not event.content:
        return
    need(words is not None, "CONTENT_MISSING", "content", "none came")
    good = (digest(words), len(words)) == (event.content["blake3"], event.content["size"])
    need(good, "CONTENT_DIGEST", "content", "not what the event commits to")

    def once(pairs):
        need(len(dict(pairs)) == len(pairs), "CONTENT_JSON", "content", "a name twice")
        return dict(pairs)

    def token(text):
        good = re.fullmatch("0|-?[1-9][0-9]{0,15}", text) and abs(int(text)) <= MAX_NUMBER
        need(good, "CONTENT_JSON", "content", f"the number {quote(text)}")
        return int(text)
    try:
        value = json.loads(words.decode(), object_pairs_hook=once, parse_int=token, parse_float=token,
                           parse_constant=token)
    except (ValueError, RecursionError):
        raise Refused("CONTENT_JSON", "content", "not I-JSON in UTF-8 without BOM") from None
    need(type(value) is dict, "CONTENT_JSON", "content", "not an object")
    salt = value.get("salt")
    good = type(salt) is str and len(unbase64(salt) or b"") == 16
    need(good, "CONTENT_SALT", "content.salt", "expected 16 bytes in base64")

def files_of(words):
    """The files that words name. A malformed list names none: its form is checked at the door, not again here."""
    try:
        files = json.loads(words)["files"]
        good = all(is_id(f["blake3"]) and is_id(f["sha256"]) and is_count(f["size"]) for f in files)
        return files if good and type(files) is list else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return []

# ---- The tree (RFC 6962, RFC 9162), checkpoints, proofs, witnesses (section 6; c2sp.org/tlog-*) ----

def leaf_hash(raw):
    return hashlib.sha256(b"\0" + raw).digest()

def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()

def pair_up(hashes):
    """One level up; an odd last hash rises as it is, which gives the tree of RFC 6962."""
    return [node(*hashes[i:i + 2]) if i + 1 < len(hashes) else hashes[i] for i in range(0, len(hashes), 2)]

def root_of(hashes):
    while len(hashes) > 1:
        hashes = pair_up(hashes)
    return hashes[0] if hashes else hashlib.sha256(b"").digest()

def left_size(size):
    """The largest power of two below a size: where the tree of that size is split."""
    return 1 << (size - 1).bit_length() - 1

def root_by_path(leaf, index, size, path):
    """The root that a path gives, by RFC 6962, section 2.1.1. Uses the path up, from its end."""
    if size == 1:
        return leaf
    k, sibling = left_size(size), path.pop()
    return (node(root_by_path(leaf, index, k, path), sibling) if index < k else
            node(sibling, root_by_path(leaf, index - k, size - k, path)))

def included(leaf, index, size, path, root):
    rest = list(path)
    try:
        return index < size and root_by_path(leaf, index, size, rest) == root and not rest
    except IndexError:  # the path is too short
        return False

def roots_by_path(old, new, path, old_root, whole=True):
    """The old and new root that a consistency proof gives, by the definition of RFC 6962, section 2.1.2."""
    if old == new:
        return (old_root, old_root) if whole else (path[-1], path.pop())
    k, sibling = left_size(new), path.pop()
    if old <= k:
        a, b = roots_by_path(old, k, path, old_root, whole)
        return a, node(b, sibling)
    a, b = roots_by_path(old - k, new - k, path, old_root, False)
    return node(sibling, a), node(sibling, b)

def consistent(old, new, old_root, new_root, path):
    rest = list(path)
    try:
        return 0 < old <= new and roots_by_path(old, new, rest, old_root) == (old_root, new_root) and not rest
    except IndexError:
        return False

def read_checkpoint(raw):
    note = read_note(raw, MAX_NOTE)
    lines = note.text.split("\n")[:-1]
    need(len(lines) == 3, None, "checkpoint", "expected origin, size and root, and no other line")
    origin, size, root = lines[0], number(lines[1]), unbase64(lines[2])
    good = NAME.fullmatch(origin) and "." in origin and not origin.startswith("onrecord/")
    need(good, None, "checkpoint, line 1", f"no origin: {quote(origin)}")
    need(size is not None, None, "checkpoint, line 2", "no size")
    need(root and len(root) == 32 and (size or root == root_of([])), None, "checkpoint, line 3",
         "no root hash")
    return SimpleNamespace(note=note, origin=origin, size=size, root=root)

def check_log_signature(checkpoint, key):
    need(key.name == checkpoint.origin, None, "checkpoint", f"of {checkpoint.origin}, not of {key.name}")
    need(signed_by(checkpoint.note, key), None, "checkpoint", f"no good signature by {key.text}")

def read_proof(raw):
    """c2sp.org/tlog-proof. The line `extra` is ignored: nobody signed it."""
    need(len(raw) <= MAX_PROOF, None, "proof", f"{len(raw)} bytes")
    head, gap, checkpoint = bytes(raw).partition(b"\n\n")
    lines = head.decode("utf-8", "replace").split("\n")
    need(gap and lines[0] == "c2sp.org/tlog-proof@v1", None, "proof", "not a tlog-proof")
    lines = lines[2:] if lines[1:] and lines[1].startswith("extra ") else lines[1:]
    index = number(lines[0][6:]) if lines and lines[0].startswith("index ") else None
    need(index is not None and len(lines) <= MAX_PATH + 1, None, "proof", "no index, or too long a path")
    path = [unbase64(line) for line in lines[1:]]
    need(all(h and len(h) == 32 for h in path), None, "proof", "a path line that is no hash")
    return SimpleNamespace(index=index, path=path, checkpoint=checkpoint)

def read_policy(raw):
    """c2sp.org/tlog-policy: known logs, known witnesses, and which of them must have cosigned. Octets above 127 stand
    for themselves."""
    need(len(raw) <= MAX_POLICY, None, "policy", f"longer than {MAX_POLICY} bytes")
    need(raw[:3] != b"\xef\xbb\xbf", None, "policy", "save it without a byte-order mark")
    need(b"\r\n" not in raw, None, "policy", "its lines end in CR LF: save it with LF")
    text = bytes(raw).decode("utf-8", "surrogateescape")
    need(not re.search("[\0-\x08\x0b-\x1f\x7f]", text), None, "policy", "control characters in it")
    logs, members, quorum = [], {}, None  # members: name -> a key, or (threshold, names)
    for i, line in enumerate(text.split("\n"), 1):
        words, place = re.findall("[^ \t]+", line), f"policy, line {i}"
        if not words or words[0].startswith("#"):
            continue
        what, args = words[0], words[1:]
        if what == "log" and len(args) in (1, 2):
            key = read_vkey(args[0], foreign=True) or read_vkey(args[0], 6)
            twice = key and key.key in [k.key for k in logs]
            need(key and not twice, None, place, "no vkey of a log (type 0x01 or 0x06), or one twice")
            logs.append(key)
        elif what == "witness" and len(args) in (2, 3):
            key = read_vkey(args[1], 4) or read_vkey(args[1], 6)
            twice = key and key.key in [m.key for m in members.values() if type(m) is not tuple]
            need(key and not twice, None, place, "no vkey of a witness, or one twice")
            need(args[0] not in members and args[0] != "none", None, place, "a name twice")
            members[args[0]] = key
        elif what == "group" and len(args) >= 3:
            name, wanted, names = args[0], args[1], args[2:]
            least = {"any": 1, "all": len(names)}.get(wanted) or number(wanted, len(names))
            good = least and name not in members and name != "none"
            need(good, None, place, "a bad threshold, or a name twice")
            used = {n for m in members.values() if type(m) is tuple for n in m[1]}
            good = len(set(names)) == len(names) and set(names) <= set(members) and not set(names) & used
            need(good, None, place, "a member that is not defined above, or listed twice")
            members[name] = (least, names)
        elif what == "quorum" and len(args) == 1:
            good = quorum is None and (args[0] == "none" or args[0] in members)
            need(good, None, place, "not defined above, or a second quorum")
            quorum = args[0]
        else:
            raise Refused(None, place, "not a line of a policy")
    need(quorum, None, "policy", "no quorum line")
    return SimpleNamespace(logs=logs, members=members, quorum=quorum, max_age=None)

def lack_of_key(policy, origin):
    """What is missing if a policy names a log, but not the key that signs its checkpoints."""
    if policy and {k.kind for k in policy.logs if k.name == origin} == {6}:
        return f"the policy names {origin} with a key of type 0x06 (ML-DSA-44) alone: the log's Ed25519 key " \
               "(type 0x01), by which checkpoints are signed, is missing"
    return None

def trusted_key(key, policy, checkpoint):
    """The key given, or that of the policy's log of this origin (of several the one that signed), or None."""
    if key or not policy or not policy.logs:
        return key
    keys = [k for k in policy.logs if k.name == checkpoint.origin and k.kind == 1]
    why = lack_of_key(policy, checkpoint.origin) or f"it names no log {checkpoint.origin}"
    need(keys, None, "policy", why)
    return next((k for k in keys if signed_by(checkpoint.note, k)), keys[0])

def check_one_log(key, policy):
    """Refuses a key and a policy that are not of one log. A key that the policy does not have is added to it."""
    if not (key and policy and policy.logs):
        return
    own = [k for k in policy.logs if k.name == key.name]
    need(own, None, "--key", f"the policy trusts other logs, not {key.text}")
    keys = [k.text for k in own if k.kind == 1]
    need(not keys or key.text in keys, None, "--key", f"the policy gives {key.name} another key than {key.text}")
    policy.logs += [] if keys else [key]

def subtree_message(cosigner, time, text):
    """What ML-DSA-44 signs (c2sp.org/tlog-cosignature): not the text, but origin, size and root of it. None if these
    don't fit into that form."""
    origin, size, root = text.split("\n")[:3]
    names = [name.encode() for name in (cosigner, origin)]
    size, root = number(size), unbase64(root)
    if size is None or not root or len(root) != 32 or not all(0 < len(name) < 256 for name in names):
        return None
    name, origin = (bytes([len(name)]) + name for name in names)
    return b"subtree/v1\n\0" + name + struct.pack(">Q", time) + origin + struct.pack(">QQ", 0, size) + root

def cosigned_at(note, key):
    """When this key cosigned, in seconds since 1970: the latest of its good lines; None without one. A bad line does not
    spoil a good one (decisions.md, "A bad line of a known key")."""
    times = []
    for name, key_id, sig in note.signatures:
        if (name, key_id) != (key.name, key.id) or len(sig) != (72 if key.kind == 4 else 2_428):
            continue
        time = int.from_bytes(sig[:8], "big")
        if time >= 2**63:
            continue
        if key.kind == 4:
            good = verify_strict(key.key, f"cosignature/v1\ntime {time}\n{note.text}".encode(), sig[8:])
        else:
            message = subtree_message(key.name, time, note.text)
            good = message and verify_ml_dsa(key.key, message, sig[8:])
        if good:
            times.append(time)
    return max(times, default=None)

def time_text(seconds):
    """A time as entries write it; beyond the year 9999, a text that sorts after the time of every entry."""
    if seconds >= 253_402_300_800:
        return "~"
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat() + ".000Z"

def quorum_of(policy, note):
    """When the quorum had cosigned, None if it has not; the times of all good cosignatures; how many witnesses there are."""
    times = {n: cosigned_at(note, k) for n, k in policy.members.items() if type(k) is not tuple}
    # An ML-DSA-44 cosignature of time 0 says nothing of when, nor that no larger tree was seen: it does not count.
    times = {n: t if t or policy.members[n].kind == 4 else None for n, t in times.items()}
    good = sorted(t for t in times.values() if t is not None)
    if policy.max_age is not None:
        now = int(time.time())
        # A cosignature from the future is by a wrong clock, so nobody can tell how old it is.
        fit = range(now - policy.max_age, now + MAX_LEAD + 1)
        times = {n: t if t is not None and t in fit else None for n, t in times.items()}

    def seen(name, until):
        m = policy.members[name]
        if type(m) is tuple:
            return sum(seen(n, until) for n in m[1]) >= m[0]
        return times[name] is not None and times[name] <= until
    return next((t for t in good if seen(policy.quorum, t)), None), good, len(times)

MAX_LEAD = 60  # by how many seconds an entry may be dated after a cosignature on its tree (decisions.md)

def check_witnesses(report, at, policy, note, entries):
    """Checks the quorum, and that no entry (index and time, in order) is dated after its tree was cosigned."""
    origin = note.text.split("\n")[0]
    besides = [k for k in policy.logs if k.kind == 6 and k.name == origin] if policy else []
    besides = [] if lack_of_key(policy, origin) else besides  # then nothing is checked by the log's keys
    for key in besides:
        signed = any(line[:2] == (key.name, key.id) for line in note.signatures)
        good = not signed or cosigned_at(note, key) is not None
        need(good, None, "witnesses", f"the signature by {key.name}+{key.id.hex()} of type 0x06 is not good")
    signed = not besides or any(line[:2] == (k.name, k.id) for k in besides for line in note.signatures)
    need(signed, None, "witnesses", f"no signature by a key of {origin} of type 0x06, which the policy names")
    if not policy or policy.quorum == "none":
        return report("witnesses", "not checked", "the policy asks for none" if policy else "no policy given")
    by, good, asked = quorum_of(policy, note)
    age = ""
    if good and policy.max_age is not None:
        since = int(time.time()) - good[-1]
        age = f", the last {since} s ago" if since >= 0 else f", the last dated {-since} s ahead of now"
    need(by is not None, None, "witnesses", f"no quorum: {len(good)} of {asked} cosigned{age}")
    for index, dated in entries:
        if dated > time_text(good[0] + MAX_LEAD):
            at.place = f"entry {index}"
            raise Refused(None, "header line 4", f"dated {dated}, more than {MAX_LEAD} s after it was cosigned")
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=min(by, 10**11))
    report("witnesses", "ok", f"quorum {quote(policy.quorum)} by {when} UTC, by the witnesses' clocks")
    report.witnessed = f"The policy's witnesses saw that tree by {when} UTC."

# ---- What is said in the end ----

class Report:
    """One line for each check, in a fixed order; what was not reached is not checked."""

    def __init__(self, *names):
        self.lines = {n: ("not checked", "stopped before") for n in names}
        self.fault, self.witnessed, self.own_trust, self.size = None, False, False, None

    def __call__(self, name, state, detail):
        self.lines[name] = (state, detail)

    def failed(self, name, entry, why):
        self.lines[name] = ("FAILED", why)
        where = entry if type(entry) is str else f"entry {entry}"
        self.fault = self.fault or f"REFUSED  {where}: {why}"

    def finish(self, required):
        for name, (state, detail) in self.lines.items():
            print(f"{name:<12}{state:<13}{detail}")
        if self.fault:
            print(self.fault)
            return 1
        for name in required:
            if self.lines[name][0] == "not checked" and not (name == "checkpoint" and self.own_trust):
                print(f"undecided: {name} was not checked: {self.lines[name][1]}")
                return 3
        if self.own_trust:
            print("sound in itself, on trust it brought itself: give --key or --policy from another source")
            return 3
        print("valid")
        return 0

# ---- A whole ledger ----

class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None

class Answer(http.client.HTTPResponse):
    """An answer whose head has fewer than 100 fields and at most 64 KiB, and says its length in one way at most. Interim
    answers (1xx) are passed over, as RFC 9110 asks."""

    def begin(self):
        super().begin()
        for _ in range(MAX_FIELDS):
            if self.status // 100 == 1 and self.status != 101:
                self.headers = None
                super().begin()
        fields, lengths = self.headers.items(), self.headers.get_all("Content-Length", [])
        if len(fields) >= MAX_FIELDS or sum(len(n) + len(v) + 4 for n, v in fields) > MAX_HEAD:
            raise http.client.HTTPException("a head of 100 fields or more, or of more than 64 KiB")
        folded = [v.strip(" \t").lower() for v in self.headers.get_all("Transfer-Encoding", [])]
        if len(lengths) > 1 or not all(re.fullmatch("[0-9]+", n) for n in lengths) or folded not in ([], ["chunked"]) \
                or lengths and folded:
            raise http.client.HTTPException("expected one Content-Length, or Transfer-Encoding: chunked, or neither")

http.client.HTTPConnection.response_class = Answer

def check_end(stream):
    """Refuses an answer that ended before the length that it gave."""
    if getattr(stream, "length", None):
        raise Unreadable(f"cut short: {stream.length} bytes less than its Content-Length")

def pieces_of(stream, coding, most):
    """The bytes of a stream, at most `most`, unpacked if they come gzipped, asked for or not."""
    codings = [c for c in re.split("[ \t]*,[ \t]*", coding.strip(" \t").lower()) if c not in ("", "identity")]
    if codings not in ([], ["gzip"], ["x-gzip"]):
        raise Unreadable(f"Content-Encoding {quote(coding)}: expected gzip or none")
    while not codings and most and (piece := stream.read(min(most, 1 << 20))):
        yield piece
        most -= len(piece)
    if not codings and most:
        check_end(stream)
    unzip, rest, came, given = zlib.decompressobj(31), b"", 0, 0
    while codings and given < most:
        if not rest:
            rest = stream.read(1 << 16)
            came += len(rest)
        if unzip.eof and not rest:
            return check_end(stream)
        if unzip.eof:  # another part follows
            unzip = zlib.decompressobj(31)
        piece = unzip.decompress(rest, min(most - given, 1 << 20))
        if came > given + (1 << 21) or not (rest or piece or unzip.eof):
            raise Unreadable("gzip that is cut short, or unfolds to nothing")
        rest = unzip.unconsumed_tail or unzip.unused_data
        given += len(piece)
        if piece:
            yield piece

def is_data(folder):
    """Whether a folder is a ledger's data folder: it has anything at `public/checkpoint`, or that can't be found out."""
    try:
        pathlib.Path(folder, "public", "checkpoint").lstat()
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True

def open_plain(folder, path):
    """A plain file in a folder. A link may stand for one there, but not lead out. Checked before opening, since opening a
    pipe would wait for ever."""
    whole, folder = pathlib.Path(folder, path).resolve(strict=True), pathlib.Path(folder).resolve(strict=True)
    if not whole.is_relative_to(folder):
        raise Unreadable("a link that leads out of the folder")
    if not stat.S_ISREG(whole.stat().st_mode):
        raise Unreadable("not a plain file")
    return open(whole, "rb")

class Source:
    """A ledger's public files, over HTTP or in a folder. A missing file is None; one that is too long is refused."""

    def __init__(self, where):
        self.where, self.far = where.rstrip("/"), where.startswith(("http://", "https://"))
        if not self.far and is_data(where):
            self.where += "/public"  # a ledger's data folder
        self.http = urllib.request.build_opener(NoRedirect)
        self.kept_back = {}  # by path: a status other than 404 that said that the file is not there

    def read(self, path, limit, take):
        """Hands pieces of a file to `take`, at most limit + 1 bytes; False if there is none."""
        try:
            asked = urllib.request.Request(f"{self.where}/{path}") if self.far else None
            if asked:
                asked.add_header("Accept-Encoding", "gzip, identity")
            stream = self.http.open(asked, timeout=TIMEOUT) if asked else open_plain(self.where, path)
            with stream:
                if asked and stream.status != 200:
                    raise Unreadable(f"no file: the server answered {stream.status}")
                coding = ", ".join(stream.headers.get_all("Content-Encoding", [])) if asked else ""
                for piece in pieces_of(stream, coding, limit + 1):
                    take(piece)
            return True
        except (FileNotFoundError, NotADirectoryError):
            return False
        except urllib.error.HTTPError as e:
            # Not here. Only the log says what is withheld; an object store answers 403 for what is missing.
            if e.code in (403, 404, 410, 451):
                if e.code != 404:
                    self.kept_back[path] = e.code
                return False
            why = ": a redirect, and no redirect is followed; give the address it leads to"
            why = ": not modified, though nothing was asked for of that kind" if e.code == 304 else why
            raise Unreadable(f"{path}: HTTP {e.code}{why if e.code // 100 == 3 else ''}") from None
        except Unreadable as e:
            raise Unreadable(f"{path}: {e}") from None
        except (OSError, RuntimeError, http.client.HTTPException, ValueError, zlib.error) as e:
            raise Unreadable(f"{path}: {quote(e)}") from None

    def said(self, path):
        """The status that was answered for a missing file, or for its partial tile, in words."""
        codes = [code for p, code in self.kept_back.items() if p == path or p.startswith(f"{path}.p/")]
        return f" (the server answered {codes[0]})" if codes else ""

    def get(self, path, limit):
        pieces = []
        if not self.read(path, limit, pieces.append):
            return None
        raw = b"".join(pieces)
        need(len(raw) <= limit, None, path, f"longer than {limit} bytes")
        return raw

    def tile(self, prefix, n, total, longest):
        """Tile n of `total` items: the partial one, or the head of the full one that took its place."""
        digits = f"{n:0{(len(str(n)) + 2) // 3 * 3}}"
        groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
        path = "/".join([prefix, *("x" + g for g in groups[:-1]), groups[-1]])
        width = min(256, total - n * 256)
        raw = self.get(f"{path}.p/{width}", longest * width) if width < 256 else None
        if raw is not None:
            return f"{path}.p/{width}", raw, width, True
        return path, self.get(path, longest * 256), width, width == 256

def hash_tile(source, level, n, total):
    path, raw, width, exact = source.tile(f"tile/{level}", n, total, 32)
    need(raw is not None, None, path, "missing" + source.said(path))
    good = len(raw) == width * 32 if exact else len(raw) >= width * 32
    need(good, None, path, "of another length than its hashes")
    return path, [raw[i:i + 32] for i in range(0, width * 32, 32)]

def split_tile(path, raw, width, exact, form):
    """The items of a tile, each after its length, up to the first fault; and that fault. None stands for withheld."""
    items, at, step = [], 0, struct.calcsize(form)
    while len(items) < width:
        size = struct.unpack_from(form, raw, at)[0] if at + step <= len(raw) else len(raw)
        at += step
        if form == ">I" and size == WITHHELD:
            items.append(None)
        elif at + size > len(raw):
            return items, f"{path} ends before the end of item {len(items)}"
        else:
            items.append(raw[at:at + size])
            at += size
    return items, f"{path}: bytes after the last item" if exact and at < len(raw) else None

def verify_ledger(where, key, policy):
    source = Source(where)
    report = Report(*"checkpoint entries signatures chain rules tree tiles words files witnesses".split())
    at = SimpleNamespace(check="checkpoint", place="checkpoint")
    try:
        walk_ledger(source, key, policy, report, at)
    except Refused as e:
        report.failed(at.check, at.place, str(e))
    return report.finish(["checkpoint", "entries", "rules"])

def walk_ledger(source, key, policy, report, at):
    """`at` says which check is running and on what, so that a fault names its place."""
    published = source.get("checkpoint", MAX_NOTE)
    if published is None:
        nor = "" if source.far else ", nor what was unpacked of an exhibit (entry and proof.tlog-proof) or of a case " \
            "file (README.txt and exhibit-<n>.zip): give the folder in which these lie, or the zip itself"
        raise Unreadable("there is no checkpoint" + source.said("checkpoint") + nor)
    latest = counted = read_checkpoint(published)
    # A ledger that never pauses is ahead of its witnesses, and proves its entries in what most of them cosigned.
    asks, behind = policy and policy.quorum != "none" and quorum_of(policy, latest.note)[0] is None, ""
    if asks and (proof := source.get("proof/0", MAX_PROOF)):
        earlier = read_checkpoint(read_proof(proof).checkpoint)
        if earlier.origin == latest.origin and quorum_of(policy, earlier.note)[0] is not None:
            behind = f"; the latest, of {latest.size}, is not cosigned as the policy asks yet"
            counted = earlier
    # Both are the log's word: what comes after the cosigned one may withhold words, and must continue it.
    other, checkpoint = sorted((counted, latest), key=lambda c: c.size)
    origin, size = checkpoint.origin, checkpoint.size
    if policy and not key:
        plain = [k for k in policy.logs if k.kind == 1]
        if len(plain) != 1 and not any(k.name == origin for k in plain):
            raise Usage(f"the policy names no Ed25519 key of {origin}: add its line `log`, or give it with --key")
    key = trusted_key(key, policy, checkpoint)
    if not key:  # then the ledger vouches for itself
        path, bundle, _, _ = source.tile("tile/entries", 0, max(size, 1), 2 + MAX_ENTRY)
        first = read_entry((split_tile(path, bundle or b"", 1, False, ">H")[0] or [b""])[0], origin)
        key, report.own_trust = read_vkey(first.event.facts.get("checkpoint_key")), True
        need(key, None, "entry 0", "it names no checkpoint key")
    for signed in (latest, counted):
        check_log_signature(signed, key)
    trust = "by the key it names itself: " if report.own_trust else "by "
    report("checkpoint", "ok", f"{origin}, {counted.size} entries, signed {trust}{key.text}{behind}")

    # The leaf hashes that the tiles hold. If they make the signed root, they tell which entry was changed.
    tile_fault, said = None, []
    for n in range(-(-size // 256)):
        try:
            said += hash_tile(source, 0, n, size)[1]
        except Refused as e:
            tile_fault, said = e, []
            break
    proven = said and root_of(said) == checkpoint.root
    history, leaves, prev, time, signatures = History(origin), [], "0" * 64, "", 0
    times = []
    words = SimpleNamespace(present=0, absent=[], wrong=None)
    files = SimpleNamespace(present=0, absent=[], wrong=None)
    for n in range(-(-size // 256)):
        at.check, at.place = "entries", f"entry {n * 256}"
        path, bundle, width, exact = source.tile("tile/entries", n, size, 2 + MAX_ENTRY)
        need(bundle is not None, None, path, "missing" + source.said(path))
        contents, words_fault, why = bundle_words(source, n, size)
        entries, fault = split_tile(path, bundle, width, exact, ">H")
        for raw, content in zip(entries, contents):
            at.check, at.place = "entries", f"entry {len(leaves)}"
            leaves.append(leaf_hash(raw))
            try:
                entry = read_entry(raw, origin)
                need(entry.index == len(leaves) - 1, None, "header line 3", f"index {entry.index}")
                need(entry.event.id not in history.events, None, "event", "it stands on record before")
                at.check = "signatures"
                check_signatures(entry.event)
                at.check = "chain"
                need(entry.prev == prev, None, "header line 5", f"expected prev {prev}")
                need(entry.time >= time, None, "header line 4", f"time runs back, {time} to {entry.time}")
                at.check = "rules"
                history.add(entry)
            except Refused as e:
                if proven and leaves[-1] != said[len(leaves) - 1]:
                    raise Refused(None, "its bytes", f"not those under the signed root; {e}") from None
                raise
            at.check = "tree"
            good = not proven or leaves[-1] == said[len(leaves) - 1]
            need(good, None, "its bytes", "not those under the signed root")
            if entry.index == 0:
                at.check = "rules"
                good = entry.event.facts["checkpoint_key"] == key.text
                need(good, None, "facts.checkpoint_key", f"not the key of the checkpoint, {key.text}")
            prev, time, signatures = digest(raw), entry.time, signatures + len(entry.event.by)
            times.append((entry.index, entry.time))
            judge_words(source, entry, content, words, files, why)
        at.check, at.place = "entries", f"entry {min(len(leaves), size - 1)}"
        need(not fault, None, "bundle", fault)
        words.wrong = words.wrong or words_fault
    report("entries", "ok", f"{size} of {size}: shape, index, each event once")
    report("signatures", "ok", f"{signatures}, strict Ed25519")
    report("chain", "ok", "each entry names the BLAKE3 of the one before; time never runs back")
    report("rules", "ok", "keys, roles, refs, threads, signers and cross-checks, at every index")
    at.check, at.place = "tree", "tree"
    good = root_of(leaves) == checkpoint.root
    need(good, None, "root", "the entries do not make the root of the checkpoint")
    good = root_of(leaves[:other.size]) == other.root
    need(good, None, "checkpoint", f"the log signed another tree of {other.size} entries")
    report("tree", "ok", f"the entries make the root {base64.b64encode(checkpoint.root).decode()}")
    try:
        tiles = compare_tiles(source, leaves, tile_fault)
        report("tiles", "ok", f"{tiles} hash tiles are what the entries make")
    except Refused as e:
        report.failed("tiles", "hash tiles", str(e))
    for name, tally in (("words", words), ("files", files)):
        # Only the log says what is withheld; without words, the files they name are not known either.
        missing = [p for p in tally.absent if not {p[2], "content"} & history.events[p[1]].withheld]
        if missing and source.get("checkpoint", MAX_NOTE) != published:
            raise Unreadable("the ledger grew while it was read, perhaps withholding words: verify again")
        held = len(tally.absent) - len(missing)
        report(name, "ok", f"{tally.present} present, {held} withheld by the log, {len(missing)} missing")
        faults = [tally.wrong] if tally.wrong else []
        none = f"; no {name} are here at all: `onrecord verify --no-{name}` checks all else"
        none = "" if tally.present or tally.wrong else none
        what = "and nothing on the log withholds it" + none
        faults += [(p[0], f"{p[2]}: missing{p[3]}, {what}") for p in missing[:1]]
        for index, why in sorted(faults)[:1]:
            report.failed(name, index, why)
    at.check, at.place = "witnesses", "checkpoint"
    check_witnesses(report, at, policy, counted.note, times[:counted.size])

def bundle_words(source, n, size):
    """The words of a bundle, Ellipsis for missing ones; where and what is wrong; what was answered if there are none."""
    path, raw, width, exact = source.tile("content/tile", n, size, 4 + MAX_CONTENT)
    items, fault = split_tile(path, raw, width, exact, ">I") if raw is not None else ([], None)
    why = source.said(path) if raw is None else ""
    return items + [...] * (width - len(items)), fault and (n * 256 + len(items), fault), why

def judge_words(source, entry, content, words, files, why=""):
    event = entry.event
    expected = (event.content["blake3"], event.content["size"]) if event.content else None
    if content in (None, ..., b"") and expected:
        words.absent.append((entry.index, event.id, "content", why))
    elif not expected:
        if content not in (..., b""):
            words.wrong = words.wrong or (entry.index, "content: words for an event that commits to none")
    elif (digest(content), len(content)) != expected:
        words.wrong = words.wrong or (entry.index, "content: not the words it commits to")
    else:
        words.present += 1
        for i, f in enumerate(files_of(content) if source else ()):
            b3, sha, length = blake3(), hashlib.sha256(), [0]

            def take(piece):
                b3.update(piece), sha.update(piece), length.append(length.pop() + len(piece))
            path = f"file/{f['blake3']}"
            if not source.read(path, min(f["size"], MAX_FILE), take):
                files.absent.append((entry.index, event.id, f"files/{i}", source.said(path)))
            elif (b3.hexdigest(), sha.hexdigest(), length[0]) == (f["blake3"], f["sha256"], f["size"]):
                files.present += 1
            else:
                files.wrong = files.wrong or (entry.index, f"files/{i}: not the file its words name")

def compare_tiles(source, hashes, fault):
    if fault:
        raise fault
    level, tiles = 0, 0
    while hashes:
        for n in range(-(-len(hashes) // 256)):
            path, found = hash_tile(source, level, n, len(hashes))
            for i, (a, b) in enumerate(zip(found, hashes[n * 256:n * 256 + 256])):
                need(a == b, None, path, f"hash {i} is not what the entries make")
            tiles += 1
        full = len(hashes) // 256
        for _ in range(8):
            hashes = pair_up(hashes)
        hashes, level = hashes[:full], level + 1
    return tiles

# ---- An exhibit (section 8) ----

MEMBERS = ["README[.]txt", "entry", "proof[.]tlog-proof", "content[.]json",
           "files/[0-9a-f]{64}[.][A-Za-z0-9]{1,8}", "chain/([0-9]+)([.]tlog-proof)?",
           "timestamps/([0-9]+)[.]tsr", "trust[.]policy"]

def member_order(name):
    """Where a member stands among the others (a file by its digest); None for one that has no place there, such as one
    with a number that no entry has."""
    for rank, form in enumerate(MEMBERS):
        if found := re.fullmatch(form, name):
            index = number(found[1]) if found.re.groups else 0
            return None if index is None else (rank, index, name[:70])
    return None

def case_order(name):
    """The same for a member of a case file."""
    named = IN_CASE.fullmatch(name)
    index = number(named[1]) if named else None
    return (0, index) if index is not None else (1, 0) if name == "README.txt" else None

def read_zip(raw, order_of=member_order):
    """Reads a zip in which every byte is the one that a writer of exhibits puts there: it can be read in one way only."""
    members, directory, at, last = {}, [], 0, (-1,)
    while raw[at:at + 4] == b"PK\3\4" and len(raw) >= at + 30 and len(members) < MAX_MEMBERS:
        size, n = struct.unpack("<IH", raw[at + 22:at + 28])
        body = at + 30 + n
        name, content = raw[at + 30:body].decode("ascii", "replace"), raw[body:body + size]
        order, place = order_of(name), f"zip, {quote(name)}"
        need(order, None, place, "a name that has no place in an exhibit")
        need(last < order, None, place, "twice, or out of order")
        # Version 1.0, no flags, stored, 1980-01-01, no extra field.
        header = struct.pack("<3H4I2H", 10, 0, 0, 0x210000, binascii.crc32(content), size, size, n, 0)
        need(len(content) == size and raw[at + 4:at + 30] == header, None, place,
             "compressed, encrypted, dated, or not of its size and checksum")
        directory += [b"PK\1\2\n\0", header, bytes(10), struct.pack("<I", at), name.encode()]
        members[name], at, last = content, body + size, order
    listed, count = b"".join(directory), len(members)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(listed), at, 0)
    need(raw[at:] == listed + end, None, f"zip, byte {at}",
         "expected a directory that says what the members say, and the end: cut, changed or added to")
    need("README.txt" in members, None, "README.txt", "not enclosed")
    return complete(members) if order_of == member_order else members

def complete(members):
    """Gives members, or their names, back, if none is missing that an exhibit needs or that belongs to one of them."""
    tokens = [name for name in members if name.startswith("timestamps/")]
    links = [name.removesuffix(".tlog-proof") for name in members if name.startswith("chain/")]
    wanted = ["entry", "proof.tlog-proof", *(f"timestamps/{i}.tsr" for i in range(len(tokens)))]
    for name in wanted + links + [f"{name}.tlog-proof" for name in links]:
        need(name in members, None, quote(name), "not enclosed")
    return members

IN_CASE = re.compile("exhibit-([0-9]+)[.]zip")
# How an entry and a receipt begin.
ENTRY, PROOF = re.compile(rb"onrecord/entry/v1\r?\n"), re.compile(rb"c2sp\.org/tlog-proof@")

def is_added(name):
    """Whether a name is of a file that operating systems add to folders and archives of their own accord."""
    last = name.split("/")[-1]
    return name.startswith("__MACOSX/") or last.startswith("._") or last in (
        "__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")

def name_of(octets):
    """A name as text. One that is not UTF-8 is read octet by octet, so that two names never become one."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("ascii", "surrogateescape")

def slashed(name):
    """A name with slashes for backslashes and no `./` before it, as archives of other systems may write it."""
    return re.sub(r"^(\./)+", "", name.replace("\\", "/"))

def plain_name(name):
    """The same. A name that leads out of the folder where it is unpacked is refused."""
    name = slashed(name)
    climbs = name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/")
    need(not climbs, None, quote(name), "a name that climbs out of the folder")
    return name

def is_member(name, is_case):
    """Whether a name is that of a member of an exhibit or a case file. Its number may be too large for an entry."""
    if is_case:
        return name == "README.txt" or bool(IN_CASE.fullmatch(name))
    return any(re.fullmatch(form, name) for form in MEMBERS)

def sorted_out(names, is_case):
    """Splits names into those of members, which are in order for an exhibit, and those that none has."""
    own, order = [n for n in names if is_member(n, is_case)], case_order if is_case else member_order
    for name in own:
        need(order(name), None, quote(name), f"a name that has no place in {'a case file' if is_case else 'an exhibit'}")
    if not is_case:
        own.sort(key=order)
        for a, b in zip(own, own[1:]):
            need(order(a) < order(b), None, quote(b), "a file that stands twice")
        complete(dict.fromkeys(own))
    return own, [n for n in names if n not in set(own)]

NESTED = "a case file in the place of an exhibit"
ANEW, UNPACKED = (f"{how}: the checks below are of its members" for how in ("packed anew", "unpacked"))

def passed_over(how, others):
    """The words in which names are reported that no exhibit has."""
    said, most, show = "not among them, and passed over", 3, json.dumps
    if how == UNPACKED:
        said, most, show = "not looked at", 5, quote
    named = ", ".join(show(name[:80]) for name in others[:most])
    rest = f" and {len(others) - most} more" if others[most:] else ""
    return f"; {said}: {named}{rest}" if others else ""

class Given:
    """Members of an exhibit or a case file, and how they came."""

    def __init__(self, members, is_case, how, others=(), names=()):
        self.members, self.is_case, self.how = members, is_case, how + passed_over(how, list(others))
        self.anew = bool(how)  # not as the ledger gave it
        self.names = names  # what it is called: a file, or the folders in which it is

def read_all(readers, left):
    """Calls each reader with the number of bytes that are left. A member that is refused counts before one that can't be
    read, whichever comes first."""
    members, unread = {}, None
    for name, read in readers.items():
        try:
            members[name] = read(left)
        except (OSError, Unreadable) as e:
            unread = unread or e
            continue
        left -= len(members[name])
        need(left >= 0, None, quote(name), f"more than {MAX_EXHIBIT} bytes together")
    if unread:
        raise unread
    return members

def read_packed_anew(raw, in_case=None):
    """The members of a zip that another program made. `in_case` is for an exhibit in a case file, and holds how many bytes
    are left for all of them."""
    try:
        listed = listed_members(raw)
        folder, is_case = nearest(listed)
        if folder is None:
            part = any(is_member(n, False) for n in listed)
            need(not part, None, "zip", "no whole exhibit: an entry and its proof.tlog-proof are needed")
            raise Foreign("this zip is no exhibit and no case file: it has no member of one")
        need(not (is_case and in_case), None, "zip", NESTED)
        own, others = sorted_out([n.removeprefix(folder) for n in listed if n.startswith(folder)], is_case)
        others += [n for n in listed if not n.startswith(folder)]
        need(len(own) <= MAX_MEMBERS, None, "zip", f"more than {MAX_MEMBERS} members")
        size = sum(listed[folder + name].size for name in own)
        room = in_case or SimpleNamespace(left=MAX_EXHIBIT)
        need(size <= room.left, None, "zip", f"unfolds to more than {MAX_EXHIBIT} bytes, with what it stands among")
        room.left -= size
        readers = {name: lambda left, member=listed[folder + name]: unfold(raw, member) for name in own}
        members = read_all(readers, MAX_EXHIBIT)
    except (struct.error, zlib.error):
        raise Refused(None, "zip", "a header that is cut short, or bytes that can't be unfolded") from None
    return Given(members, is_case, ANEW, others, [f"{folder.split('/')[-2]}.zip"] if folder else [])

def nearest(names, needs_readme=False):
    """The folder among these names that holds an exhibit or a case file, and whether it is a case file; of several the
    outermost: not exhibits in folders beside a case file, nor a zip beside its own folder."""
    folders = {}
    for name in names:
        folder, last = name[:name.rfind("/") + 1], name[name.rfind("/") + 1:]
        held = folders.setdefault(folder, set())
        held.add("exhibits" if IN_CASE.fullmatch(last) else last)
    is_exhibit = {f: {"entry", "proof.tlog-proof"} <= held for f, held in folders.items()}
    whole = [f for f, held in folders.items() if is_exhibit[f] or {"exhibits", "README.txt"} <= held]
    found = sorted(whole or [f for f, held in folders.items() if "exhibits" in held], key=lambda f: f.count("/"))
    if not found:
        return None, False
    if len(found) > 1 and found[0].count("/") == found[1].count("/") or needs_readme and not whole:
        raise Foreign("there are several exhibits in it, or none that was unpacked: give one of them")
    return found[0], not is_exhibit[found[0]]

def unread(what):
    return Unreadable(f"this zip is {what}: unpack it, and give its folder")

def unfold(raw, member):
    """The bytes of a member, just as many as its headers say."""
    if member.flags & 0x2041:
        raise unread("encrypted")
    if member.method not in (0, 8):
        raise unread("compressed by a method that is not read here")
    content = raw[member.start:member.end]
    if member.method == 8:
        machine = zlib.decompressobj(-15)
        content = machine.decompress(content, member.size + 1)
        need(machine.eof and not machine.unused_data, None, member.place, "its bytes do not unfold to its size")
    good = len(content) == member.size and binascii.crc32(content) == member.sum
    need(good, None, member.place, "not of its size and checksum")
    return content

def end_of_directory(raw):
    """Where the end of a zip's directory stands, or None: its comment reaches to the end of the file."""
    for end in range(len(raw) - 22, max(0, len(raw) - 22 - 65_535) - 1, -1):
        if raw[end:end + 4] == b"PK\5\6" and end + 22 + struct.unpack_from("<H", raw, end + 20)[0] == len(raw):
            return end
    return None

def listed_members(raw):
    """What a zip's directory lists, by name. Refused if both headers of a member differ, or bytes belong to no member."""
    if raw[:4] in (b"PK\7\x08", b"PK00"):  # the first of several, or what was to become several
        raise unread("a part of several")
    end = end_of_directory(raw)
    need(end is not None, None, "zip", "no end of a directory: it was cut short, or is no zip")
    disk, here, count, size, directory = struct.unpack_from("<IHHII", raw, end + 4)
    if count == 0xFFFF or 0xFFFFFFFF in (size, directory) or raw[max(0, end - 20):end][:4] == b"PK\6\7":
        raise unread("a zip64")
    if disk:
        raise unread("a part of several")
    good = here == count <= 2 * MAX_MEMBERS + 16 and directory + size == end
    need(good, None, "zip", "a directory that does not stand right before its end, or is too long")
    members, extents, at, last = {}, [], directory, 0
    for _ in range(count):
        flags, method, _, total, packed, size, n, extra, comment = struct.unpack_from("<HHIIIIHHH", raw, at + 8)
        name, start = raw[at + 46:at + 46 + n], struct.unpack_from("<I", raw, at + 42)[0]
        if raw[at:at + 4] == b"PK\1\2" and start == 0xFFFFFFFF:
            raise unread("a zip64")
        own_flags, *own, own_n, own_extra = struct.unpack_from("<HHIIIIHH", raw, start + 6)
        place = f"zip, {quote(name.decode('utf-8', 'replace'))}"
        good = raw[at:at + 4] == b"PK\1\2" and raw[start:start + 4] == b"PK\3\4"
        if good and 0xFFFFFFFF in own[3:] and own_extra:
            raise unread("a zip64")
        said = zip([own[0], *own[2:]], [method, total, packed, size])
        good = good and own[0] == method and own_flags & 8 == flags & 8
        good = good and bool(own_flags & 0x2041) == bool(flags & 0x2041)
        good = good and all(a == b or (own_flags & 8 and a == 0) for a, b in said)
        good = good and raw[start + 30:start + 30 + own_n] == name
        need(good, None, place, "its own header says another thing than the directory")
        if 0xFFFFFFFF in (packed, size):
            raise unread("a zip64")
        body = start + 30 + own_n + own_extra
        need(body + packed <= directory, None, place, "its bytes are not there")
        extents.append((start, body + packed, own_flags & 8 and (total, packed, size)))
        at += 46 + n + extra + comment
        name = plain_name(name_of(name))
        if is_added(name) or (name.endswith("/") and not size):
            continue
        need(name not in members, None, place, "a name that stands twice")
        members[name] = SimpleNamespace(flags=flags, method=method, sum=total, size=size,
                                        start=body, end=body + packed, place=place)
    need(at == end, None, "zip", "a directory of another length")
    behind = [b""]
    for start, stop, said in [*sorted(extents), (directory, directory, None)]:
        good = last <= start and raw[last:start] in behind
        need(good, None, f"zip, byte {last}", "bytes that belong to no member, or say another thing than the directory")
        # A checksum and two sizes of four or eight bytes, with or without a mark before them.
        last = stop
        behind = [mark + struct.pack(form, *said) for mark in (b"", b"PK\7\x08") for form in ("<III", "<IQQ")] \
            if said else [b""]
    return members

def names_in(folder):
    """The names in a folder, sorted, without what systems add; folders have a slash."""
    names = []
    for path in folder.iterdir():
        name = path.name + "/" if path.is_dir() else path.name
        names += [] if is_added(slashed(name)) else [name]
        if len(names) > 2 * MAX_MEMBERS + 16:
            raise Unreadable(f"{quote(folder)}: more files than an exhibit has")
    return sorted(names)

def read_file(path, most):
    """A file; of a longer one, `most` bytes and one more."""
    with open(path, "rb") as f:
        return f.read(most + 1)

def read_plain(path, most, name):
    """The same for a plain file. Checked before opening, since opening a pipe may wait for ever."""
    if not path.is_file():
        is_there = path.exists() or path.is_symlink()
        raise Unreadable(f"{quote(name)}: {'not a plain file' if is_there else 'there is no such file'}")
    return read_file(path, most)

def exhibit_folder(path):
    """The folder in this one that holds the members of an exhibit or a case file, and whether it is a case file. None if
    there is none."""
    here = names_in(path)
    if {"entry", "proof.tlog-proof"} <= set(here):
        return "", False
    # A checkpoint alone makes no ledger: it may have been saved beside what was unpacked.
    if is_data(path) or {"checkpoint", "tile/"} <= set(here):
        return None
    names = list(here)
    for folder in (n for n in here if n.endswith("/")):
        try:
            names += [folder + name for name in names_in(path / folder)]
        except (OSError, Unreadable):
            continue
    folder, is_case = nearest(map(slashed, names), needs_readme=True)
    return None if folder is None else (folder, is_case)

def listed_deep(path, folder, inner, is_case):
    """What lies in a folder, by paths from `path`. Folders on the way to `inner` are looked into, and those in it in which
    an exhibit has members; other folders are listed like files."""
    for name in names_in(path / folder):
        there = folder + name
        shown = slashed(there)
        is_in_it = shown in [inner + n for n in ("files/", "chain/", "timestamps/")] and not is_case
        if name.endswith("/") and (inner.startswith(shown) or is_in_it):
            yield from listed_deep(path, there, inner, is_case)
        else:
            yield there.rstrip("/")

def read_folder(path, inner, is_case):
    """The members of what was unpacked. A file that is no member is named, and not opened. `inner` need not be a real
    folder: programs that do not take a backslash for a separator make it a part of the files' names."""
    names, beside = {}, []  # what is there, by the name that a member has
    for there in listed_deep(path, "", inner, is_case):
        name = slashed(there)
        if not name.startswith(inner):
            beside.append(there)
            continue
        name = slashed(name.removeprefix(inner))
        name = name if is_member(name, is_case) else there.removeprefix(inner)
        need(name not in names, None, quote(name), "a file that stands twice")
        names[name] = there
    own, others = sorted_out(list(names), is_case)
    others += beside
    need(len(own) <= MAX_MEMBERS, None, "folder", f"more than {MAX_MEMBERS} members")
    readers = {name: lambda left, name=name: read_plain(path / names[name], left, name) for name in own}
    members = read_all(readers, MAX_EXHIBIT)
    called = [f"{path.resolve().name}.zip", *[f"{folder}.zip" for folder in inner.split("/")[-2:-1]]]
    return Given(members, is_case, UNPACKED, others, called)

def read_zip_of_any_kind(raw, name, in_case=None):
    need(len(raw) <= MAX_EXHIBIT, None, "zip", f"longer than {MAX_EXHIBIT} bytes")
    is_case = bool(re.match(rb"exhibit-[0-9]+[.]zip", raw[30:]))
    try:
        given = Given(read_zip(raw, case_order if is_case else member_order), is_case, "")
    except Refused:
        given = read_packed_anew(raw, in_case)
    given.names = [name, *given.names]
    return given

# How other files begin, and what they are.
KINDS = {b"%PDF-": "a PDF", b"\x89PNG\r\n": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture",
         b"II*\0": "a picture", b"MM\0*": "a picture", b"{": "JSON: `onrecord verify` checks proofs of a lie"}

def what_it_is(raw):
    if not raw:
        return "this file is empty"
    heif = raw[4:8] == b"ftyp" and raw[8:12] in (b"heic", b"mif1", b"avif") or raw[8:12] == b"WEBP"
    kind = "a picture" if heif else next((kind for start, kind in KINDS.items() if raw.startswith(start)), None)
    found = f"this is {kind}; it" if kind else "this is neither an exhibit nor a case file nor a receipt; it"
    return (f"{found} proves nothing by itself. Give the exhibit that encloses it, or find the entry that names it "
            f"by its digest, BLAKE3 {digest(raw)}")

def receipt_among(files):
    """The first receipt and the first entry among files, by how they begin."""
    return [next((raw for raw in files if mark.match(raw)), None) for mark in (PROOF, ENTRY)]

def receipt_in(folder):
    """The files of a folder that holds a receipt and its entry, and nothing else but a checkpoint that may have been saved
    beside them; None for any other folder."""
    names = names_in(folder)
    names = [n for n in names if n != "checkpoint" or len(names) != 3]
    if len(names) != 2 or not all((folder / name).is_file() for name in names):
        return None
    proof, entry = receipt_among([read_plain(folder / name, MAX_PROOF, name) for name in names])
    return (proof, entry) if proof and entry else None

def verify_receipt(raw_proof, raw_entry, key, policy):
    for what, raw in (("receipt", raw_proof), ("entry", raw_entry)):
        if raw.partition(b"\n")[0].endswith(b"\r"):
            raise Usage(f"the {what} was changed by a program: its lines end in CR LF; get it again, as it is served")
    report = Report("entry", "event", "inclusion", "checkpoint", "witnesses")
    at = SimpleNamespace(check="entry", place="receipt")
    entry = None
    try:
        proof = read_proof(raw_proof)
        checkpoint = read_checkpoint(proof.checkpoint)
        origin = checkpoint.origin
        found = read_entry(raw_entry, origin)
        at.place = f"entry {found.index}"
        need(found.index == proof.index, None, "entry", f"index {found.index}, and {proof.index} in its proof")
        report("entry", "ok", f"entry {found.index} of {origin}")
        at.check = "event"
        check_signatures(found.event)
        signers = ", ".join(f"{k.name}+{k.id.hex()}" for k in found.event.by)
        report("event", "ok", f"signed by {signers}; whose keys they were then an exhibit shows")
        at.check = "inclusion"
        good = included(leaf_hash(found.raw), found.index, checkpoint.size, proof.path, checkpoint.root)
        need(good, None, "path", "it does not lead from this entry to the root of the checkpoint")
        root = base64.b64encode(checkpoint.root).decode()
        report("inclusion", "ok", f"in the tree of {checkpoint.size} whose root is {root}")
        at.check = "checkpoint"
        lack = lack_of_key(policy, origin)
        key = None if lack else trusted_key(key, policy, checkpoint)
        if key:
            check_log_signature(checkpoint, key)
            opens = found.event.type == "ledger.opened"
            good = not opens or found.event.facts["checkpoint_key"] == key.text
            need(good, None, "entry 0", f"it names another key than {key.text}")
            report("checkpoint", "ok", f"signed by {key.name}+{key.id.hex()}, which the policy trusts")
        else:
            report("checkpoint", "not checked", lack or "neither --key nor --policy says whose log it is")
        at.check = "witnesses"
        check_witnesses(report, at, policy, checkpoint.note, [(found.index, found.time)])
        entry = found
    except Refused as e:
        report.failed(at.check, at.place, str(e))
    code = report.finish(["entry", "event", "inclusion", "checkpoint"])
    if entry:
        print(exhibit_meaning(entry, report, code == 0))
    return code

EXHIBIT = "exhibit entry event content files inclusion checkpoint witnesses timestamps".split()

def verify_given(given, key, policy):
    """Checks what `given` reads: the members of an exhibit or a case file."""
    report = Report(*EXHIBIT)
    at = SimpleNamespace(check="exhibit", place="exhibit")
    entry = None
    try:
        given = given()
        if given.is_case:
            return verify_case(given, key, policy)
        packing = given.how or f"{len(given.members)} members, stored, in order; every byte belongs to one"
        report("exhibit", "not checked" if given.anew else "ok", packing)
        entry, _ = walk_exhibit(complete(given.members), given.names, key, policy, report, at)
    except Refused as e:
        report.failed(at.check, at.place, str(e))
    code = report.finish(["entry", "event", "inclusion", "checkpoint"])
    if entry and code in (0, 3):
        print(exhibit_meaning(entry, report, report.own_trust or report.lines["checkpoint"][0] == "ok"))
    return code

def exhibit_in_case(raw, name, room):
    """Reads an exhibit in a case file. It must be one, since its name says so."""
    try:
        given = read_zip_of_any_kind(raw, name, room)
    except Foreign as e:
        raise Refused(None, quote(name), str(e)) from None
    need(not given.is_case, None, quote(name), NESTED)
    complete(given.members)
    return given

ACTS = {  # what an entry of a type does to the one that its ref names, in words, in the order in which acts are told
    "correction.issued": ("corrects", "corrected"),
    "content.withheld": ("entry", "withheld"),
    "content.released": ("entry", "given back"),
    "statement.revised": ("statement", "seen changed"),
    "statement.withdrawn": ("statement", "seen withdrawn"),
    "deadline.adjusted": ("demand", "date for the answer moved"),
    "demand.withdrawn": ("demand", "withdrawn"),
    "demand.escalated": ("demand", "taken elsewhere"),
    "commitment.closed": ("commitment", "promise closed"),
}
ORDER = ["declared void"] + [words for _, words in ACTS.values()]
ACTS_TOLD = 50

def acts_among(entries):
    """What entries did to one another, in words: of each kind the newest act that was not declared void itself."""
    places, done = {e.event.id: e.index for e in entries}, []
    for e in entries:
        if e.event.type in ACTS:
            role, words = ACTS[e.event.type]
            is_void = words == "corrected" and e.event.facts["effect"] == "void"
            done += [(e, to, ORDER[0] if is_void else words) for to in e.event.refs[role]]
    void = {to for _, to, words in done if words == ORDER[0]}
    newest = {(places[to], ORDER.index(words)): e.index
              for e, to, words in done if to in places and e.event.id not in void}
    told = [f"{to} {ORDER[words]} ({by})" for (to, words), by in sorted(newest.items())]
    more = [f"{len(told) - ACTS_TOLD} more"] if len(told) > ACTS_TOLD else []
    return f"among these {', '.join(told[:ACTS_TOLD] + more)}; " if told else ""

def verify_case(given, key, policy):
    """Checks a case file: each exhibit, that all are in one checkpoint, and that by their thread none is missing between."""
    events, report = [], Report("case file", "exhibits", "thread", "content", "files", "checkpoint", "witnesses", "timestamps")
    at, first, open_end, last = SimpleNamespace(check="case file", place="case file"), None, None, 0
    lacking, unread, room = {"content": [], "files": []}, None, SimpleNamespace(left=MAX_EXHIBIT)
    try:
        names = list(given.members)
        zips = sorted((int(n[8:-4]), n) for n in names if n != "README.txt")
        good = given.anew or names == [name for _, name in zips] + ["README.txt"]
        need(good, None, "case file", "expected exhibits in the order of their indexes, then README.txt")
        packing = given.how or "nothing compressed, no other bytes"
        report("case file", "not checked" if given.anew else "ok", f"{len(zips)} exhibits; {packing}")
        for number_in_case, (index, name) in enumerate(zips):
            at.check, at.place, last = "exhibits", name, index
            inner, spot = Report(*EXHIBIT), SimpleNamespace(check="exhibit", place=name)
            try:
                exhibit = exhibit_in_case(given.members[name], name, room)
                entry, checkpoint = walk_exhibit(exhibit.members, exhibit.names, key, policy, inner, spot)
            except Unreadable as e:  # the others are still checked, since one of them may be refused
                unread = unread or e
                continue
            lines = inner.lines
            for check in ("entry", "event"):
                if lines[check][0] == "not checked":
                    open_end = open_end or f"{name}: {check}: {lines[check][1]}"
            for check, indexes in lacking.items():
                indexes += [index] if lines[check][0] in ("not enclosed", "withheld") else []
            events.append(entry)
            first = first or (entry, checkpoint, inner)
            opening = first[0]
            at.check = "checkpoint"
            need(checkpoint == first[1], None, "proof.tlog-proof", "another checkpoint than that of the first")
            at.check = "thread"
            opens = opening.event.type == "case.opened" and opening.event.id == opening.thread
            good = entry.thread == opening.thread and (opens or number_in_case)
            need(good, None, "header line 6", "not of the case that the first entry opens")
            good = entry.k == number_in_case
            need(good, None, "header line 6", f"number {entry.k} of the case, expected {number_in_case}")
        if unread:  # with one unread, nobody can say that none is missing
            raise unread
        report("exhibits", *(("not checked", open_end) if open_end else ("ok", "each carries its own proof")))
        report("thread", "ok", f"entries 0 to {len(zips) - 1} of the case, {zips[0][0]} to {last} of the ledger; "
               "by the ledger's numbering none between them is missing")
        for check, indexes in lacking.items():
            there = f"all {'words' if check == 'content' else 'files'} that are committed to"
            gone = f"of entries {', '.join(map(str, indexes))}"
            report(check, *(("not enclosed", gone) if indexes else ("ok", there)))
        report.own_trust, report.witnessed = first[2].own_trust, first[2].witnessed
        for check in ("checkpoint", "witnesses", "timestamps"):
            report(check, *first[2].lines[check])
    except Refused as e:
        report.failed(at.check, at.place, str(e))
    code = report.finish(["exhibits", "thread", "checkpoint"])
    if code in (0, 3) and first:
        print("\nNot shown: that the last entry here is the last of the case; and all that an exhibit does not show.")
        size = first[2].size
        if size is not None and report.lines["exhibits"][0] == "ok":
            print(f"Known at size: {size}; {acts_among(events)}what other entries did to these stands in the ledger.")
    return code

def exhibit_meaning(entry, report, committed):
    words = " and the digest of these words" if entry.event.content and "content" in report.lines else ""
    proved = "Proved, if the key that the exhibit brought is the ledger's" if report.own_trust else "Proved"
    index = f"\n  The ledger {entry.event.origin} committed to them at index {entry.index}." if committed else ""
    known = ""
    if report.size is not None:
        known = f"Known at size: {report.size}; what other entries did to this one stands in the ledger.\n"
    return f"""
{proved}: the holders of these keys signed these facts{words}:
  {", ".join(k.text for k in entry.event.by)}.{index}
  {report.witnessed or "Without cosignatures: other readers may have been shown another history."}
On a registrar's or the operator's word: that the keys are whose they are said to be.
On the ledger's word: its clock ({entry.time}), its numbering, that its rules were followed.
Not shown: that the words are true; the author's date ({entry.event.at}); that the words were publicly
  readable then; that nothing later corrects, withdraws or revokes.
{known}These facts: {entry.event.note.text.split(chr(10))[2]}"""

def walk_exhibit(members, called, key, policy, report, at):
    """Checks members; `called` are the names of the file or the folders that they came in. Gives the entry and the
    checkpoint's bytes."""
    at.check = "entry"
    proof = read_proof(members["proof.tlog-proof"])
    at.place = f"entry {proof.index}"
    checkpoint = read_checkpoint(proof.checkpoint)
    origin, report.size = checkpoint.origin, checkpoint.size
    entry = read_entry(members["entry"], origin)
    at.place = f"entry {entry.index}"
    need(entry.index == proof.index, None, "entry", f"index {entry.index}, and {proof.index} in its proof")
    for name in called:
        named = re.fullmatch(r"exhibit-([0-9]+)\.zip", name)
        good = not named or named[1].lstrip("0") == str(entry.index).lstrip("0")
        need(good, None, "entry", f"{quote(name)}: expected index {named and named[1][:40]}, found index {entry.index}")

    # Every enclosed entry: of good shape, included in the same checkpoint, its signatures good.
    chain, paths = {entry.index: entry}, {entry.index: proof.path}
    for name in members:
        index = number(name[6:]) if name.startswith("chain/") else None
        if index is None:
            continue
        at.check, at.place = "event", f"entry {index}"
        other = read_entry(members[name], origin)
        other_proof = read_proof(members.get(f"{name}.tlog-proof", b""))
        need(other.index == other_proof.index == index, None, name, "another index inside")
        need(other_proof.checkpoint == proof.checkpoint, None, name, "its proof holds another checkpoint")
        same = (other.raw, other_proof.path) == (entry.raw, proof.path)
        need(index != entry.index or same, None, name, "not the entry of this exhibit, or not its proof")
        chain[index], paths[index] = other, other_proof.path
    for name in members:
        orphan = name.startswith("chain/") and name.removesuffix(".tlog-proof") not in members
        need(not orphan, None, name, "the proof of an entry that is not enclosed")

    # Whose key it must be: given, named by a given policy, or only what the exhibit says of itself.
    at.check, at.place = "checkpoint", f"entry {entry.index}"
    lack, enclosed = lack_of_key(policy, origin), None
    key = None if lack else trusted_key(key, policy, checkpoint)
    report.own_trust = not key and not lack
    if report.own_trust and "trust.policy" in members:
        enclosed = read_policy(members["trust.policy"])
        lack = lack_of_key(enclosed, origin)
        report.own_trust = not lack
        key = None if lack else trusted_key(None, enclosed, checkpoint)
    if not key and not lack and 0 in chain:
        key = read_vkey(chain[0].event.facts.get("checkpoint_key"))
    if key:
        check_log_signature(checkpoint, key)
    if key and not report.own_trust:
        report("checkpoint", "ok", f"{origin}, {checkpoint.size} entries, signed by {key.text}")
    else:
        trust = key.text if key else "and it brought no key"
        report("checkpoint", "not checked", lack or f"trust brought by the exhibit: {trust}")

    at.check = "entry"
    if 0 in chain and (key or lack):
        first = chain[0].event
        good = first.type == "ledger.opened" and (lack or first.facts["checkpoint_key"] == key.text)
        need(good, None, "chain/0", f"it does not open a ledger whose key is {key and key.text}")
        report("entry", "ok", f"index {entry.index}, {entry.event.type}, recorded {entry.time}")
    else:
        report("entry", "not checked", "entry 0, which names the log's key, is not enclosed")
    at.check = "inclusion"
    for index, other in chain.items():
        at.place = f"entry {index}"
        good = included(leaf_hash(other.raw), index, checkpoint.size, paths[index], checkpoint.root)
        need(good, None, "path", "it does not lead from this entry to the root of the checkpoint")
    report("inclusion", "ok", f"{len(chain)} enclosed entries are in the tree of {checkpoint.size}")
    at.check = "event"
    check_enclosed_keys(chain, entry, report, at)
    at.place = f"entry {entry.index}"
    check_enclosed_words(members, chain, entry, report, at)
    at.check = "witnesses"
    if policy:
        dated = [entry, *(chain[index] for index in sorted(chain) if index != entry.index)]
        check_witnesses(report, at, policy, checkpoint.note, [(e.index, e.time) for e in dated])
    else:
        report("witnesses", "not checked", "trust brought by the exhibit" if enclosed else "no policy given")
    tokens = sum(name.startswith("timestamps/") for name in members)
    state, detail = ("not checked", "; `openssl ts` can") if tokens else ("none", "")
    report("timestamps", state, f"{tokens} enclosed{detail}")
    return entry, proof.checkpoint

def check_enclosed_keys(chain, entry, report, at):
    """Each signer's thread 0..j, replayed: was the key the party's, and not revoked, at that index?"""
    threads = {}
    for index in sorted(chain):
        other, at.place = chain[index], f"entry {index}"
        check_signatures(other.event)
        need(other.thread == thread_of(other.event), None, "header line 6", "not the thread of that event")
        found = threads.setdefault(other.thread, {})
        good = other.k > max(found, default=-1)
        need(good, None, "header line 6", f"number {other.k} in its thread stands twice or out of order")
        found[other.k] = other
    open_ends, others = [], 0
    for index in sorted(chain):
        other, at.place = chain[index], f"entry {index}"
        added = {k.text for k in added_keys(other.event)}
        for key, (party, j) in zip(other.event.by, other.signers):
            thread = threads.get(party, {})
            hidden = [e for k, e in thread.items() if k > j and e.index <= index]
            need(not hidden, None, "signer", f"number {j} of {party} is not the last one at or below it")
            whole = all(k in thread and thread[k].index <= index for k in range(min(j, len(thread)) + 1))
            if not whole:
                open_ends += [party] if index == entry.index else []
                others += index != entry.index
                continue
            holds = key.text in added and party in (other.event.id, other.event.refs.get("party", [None])[0])
            for k in range(j + 1):
                e = thread[k]
                if e.index < index:
                    holds = holds or key.text in {a.text for a in added_keys(e.event)}
                    revoked = e.event.type == "key.revoked" and e.event.facts["key"] == key.text
                    need(not revoked, "KEY_REVOKED", key.text, f"revoked at index {e.index}")
            need(holds, "KEY_UNKNOWN", key.text, f"never a key of {party}")
    if open_ends:
        what = f"the signatures are good, but the thread of {open_ends[0]} is not enclosed whole"
        return report("event", "not checked", what)
    rest = f"; {others} signers of the enclosed history on the ledger's word" if others else ""
    signers = ", ".join(k.text for k in entry.event.by)
    report("event", "ok", f"signed by {signers}, good keys at that index{rest}")

def check_enclosed_words(members, chain, entry, report, at):
    at.check, content, words = "content", entry.event.content, members.get("content.json")
    held = {}  # position -> index of the withholding entry, as far as the enclosed entries say
    operator = chain[0].event.id if 0 in chain else None
    for index in sorted(chain):
        e = chain[index].event
        if e.refs.get("entry") == [entry.event.id] and chain[index].signers[0][0] == operator:
            for blob in e.facts["blobs"]:
                held.pop(blob, None) if e.type == "content.released" else held.update({blob: index})
    if words is not None:
        good = content and (digest(words), len(words)) == (content["blake3"], content["size"])
        need(good, None, "content.json", "not the words the event commits to")
        report("content", "ok", f"{len(words)} bytes, the words the event commits to")
    elif not content:
        report("content", "none", "the event commits to no words")
    elif "content" in held:
        report("content", "withheld", f"by entry {held['content']}; their digest stands in the event")
    else:
        report("content", "not enclosed", f"{content['size']} bytes, BLAKE3 {content['blake3']}")
    at.check = "files"
    named = files_of(words) if words is not None else []
    for name in (n for n in members if n.startswith("files/")):
        raw = members[name]
        found = {"blake3": digest(raw), "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
        good = name[6:70] == found["blake3"] and any(f.items() >= found.items() for f in named)
        need(good, None, name, "not a file that the enclosed words name")
    if words is None:
        return report("files", "not enclosed", "without the words it is not known which files they name")
    count, gone = sum(n.startswith("files/") for n in members), sum(p.startswith("files/") for p in held)
    state = "none" if not named else "ok" if count else "not enclosed"
    report("files", state, f"{count} of {len(named)} that the words name; {gone} withheld by the log")

# ---- This program against known answers ----

def verdict(name, good, **more):
    print(json.dumps({"name": name, "ok": bool(good), **more}, ensure_ascii=True))
    return bool(good)

def run_vectors(path):
    v = json.loads(path.read_text(encoding="utf-8"))
    log, witness = read_vkey(v["keys"]["log"]["vkey"]), read_vkey(v["keys"]["witness"]["vkey"], 4)
    origin = v["origin"]
    history, leaves, prev, good = History(origin), [], "0" * 64, []
    def read(entries):
        nonlocal prev
        for e in entries:
            raw, why = e["text"].encode(), None
            try:
                entry = read_entry(raw, origin)
                check_signatures(entry.event)
                history.add(entry)
                need((entry.index, entry.prev) == (len(leaves), prev), None, "header", "index or prev")
                found = (digest(raw), leaf_hash(raw).hex(), entry.event.id, entry.event.note.raw.decode())
                need(found == (e["blake3"], e["leaf_hex"], e["event_id"], e["note"]), None, "entry", "hash or id")
            except Refused as fault:
                why = str(fault)
            good.append(verdict(f"entry {len(leaves)}", not why, **({"found": why} if why else {})))
            leaves.append(leaf_hash(raw))
            prev = digest(raw)
    read(v["entries"])
    roots = [root_of(leaves[:n]) for n in range(len(leaves) + 1)]
    good += [verdict(f"root {n}", roots[n].hex() == r) for n, r in enumerate(v["roots_hex"])]
    for p in v["inclusion"] + v["consistency"]:
        path, size = [bytes.fromhex(h) for h in p["path_hex"]], p["size"]
        if "index" in p:
            ok = included(leaves[p["index"]], p["index"], size, path, roots[size])
        else:
            ok = consistent(p["old"], size, roots[p["old"]], roots[size], path)
        good.append(verdict(f"inclusion {p['index']}" if "index" in p else f"consistency {p['old']}", ok))
    proof, cosigned = read_proof(v["tlog_proof"].encode()), v["cosigned_checkpoint"].encode()
    for name, raw in (("checkpoint", v["checkpoint"].encode()), ("cosigned checkpoint", cosigned),
                      ("checkpoint in tlog_proof", proof.checkpoint)):
        c = read_checkpoint(raw)
        good.append(verdict(name, signed_by(c.note, log) and (c.origin, c.root) == (origin, roots[c.size])))
    good.append(verdict("cosignature", cosigned_at(read_note(cosigned, MAX_NOTE), witness)))
    at = proof.index
    good.append(verdict("tlog_proof", included(leaves[at], at, len(leaves), proof.path, roots[-1])))
    names = ("bundle_partial_b64", "tile0_partial_b64", "content_tile_b64")
    bundle, tile, contents = (base64.b64decode(v[name]) for name in names)
    entries = split_tile("bundle", bundle, len(leaves), True, ">H")
    good.append(verdict("bundle", ([leaf_hash(e) for e in entries[0]], entries[1]) == (leaves, None)))
    good.append(verdict("tile", tile == b"".join(leaves)))
    tally, rows = SimpleNamespace(present=0, absent=[], wrong=None), list(history.events.values())
    contents, fault = split_tile("contents", contents, len(leaves), True, ">I")
    for row, words in zip(rows, contents):
        judge_words(None, SimpleNamespace(index=row.index, event=row.event), words, tally, None)
    held = all("content" in history.events[p[1]].withheld for p in tally.absent)
    good.append(verdict("content tile", held and not tally.wrong and not fault and tally.present))
    large = [leaf_hash(str(i).encode()) for i in range(max(map(int, v["large"]["roots_hex"])))]
    for n, r in v["large"]["roots_hex"].items():
        good.append(verdict(f"large root {n}", root_of(large[:int(n)]).hex() == r))
    for i, r in enumerate(v["refused"]):
        words, found = base64.b64decode(r["content_b64"]) if "content_b64" in r else None, "accepted"
        try:
            event = read_event(base64.b64decode(r["note_b64"]), origin)
            check_signatures(event)
            history.decide(event, words, door=True)
        except Refused as e:
            found = e.code
        good.append(verdict(f"refused {i}: {r['why']}", found == r["code"], expected=r["code"], found=found))
    read(v["later"]["entries"])
    good.append(verdict(f"root {len(leaves)}", root_of(leaves).hex() == v["later"]["root_hex"]))
    return 0 if all(good) else 1

def run_speccheck(path):
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    verdicts = []
    for c in cases:
        key, message, sig = (bytes.fromhex(c[n]) for n in ("pub_key", "message", "signature"))
        verdicts.append("accepted" if verify_strict(key, message, sig) else "refused")
    print(json.dumps(verdicts))
    return 0 if verdicts == [c["strict"] for c in cases] else 1

def seconds_of(text):
    """Seconds, or a number with s, m, h or d."""
    good = re.fullmatch("[+]?([0-9]{1,20})([smhd]?)", text, re.ASCII)
    age = int(good[1]) * {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}[good[2]] if good else 2**64
    if age >= 2**64:
        raise argparse.ArgumentTypeError("expected seconds, or a number with s, m, h or d, such as 24h")
    return age

class Once(argparse.Action):
    """Takes an option's value. A second one is refused: nobody knows which is meant."""

    def __call__(self, parser, given, value, option=None):
        if getattr(given, self.dest) is not None:
            parser.error(f"{option} is given twice")
        setattr(given, self.dest, value)

def check(paths, entry_path, key, policy):
    """Finds out what was given, and checks it."""
    if paths[0].startswith(("http://", "https://")) and len(paths) == 1 and not entry_path:
        return verify_ledger(paths[0], key, policy)
    path = pathlib.Path(paths[0])
    both = [*map(pathlib.Path, paths), *([entry_path] if entry_path else [])]
    if len(both) > 1:
        if path.is_dir():
            raise Usage("an entry stands beside its receipt, and this is a folder")
        files = [read_plain(p, MAX_PROOF, p) for p in both]
        proofs = [raw for raw in files if PROOF.match(raw)]
        others = [raw for raw in files if not PROOF.match(raw)]
        if not (len(files) == 2 and proofs and others):
            raise Usage("two files are a receipt and its entry, as /proof/<n> and /entry/<n> serve them")
        return verify_receipt(proofs[0], others[0], key, policy)
    if path.is_dir():
        if receipt := receipt_in(path):
            return verify_receipt(*receipt, key, policy)
        if found := exhibit_folder(path):
            return verify_given(lambda: read_folder(path, *found), key, policy)
        return verify_ledger(paths[0], key, policy)
    raw = read_plain(path, MAX_EXHIBIT, path)
    if PROOF.match(raw):
        raise Usage("this is a receipt: give its entry too, `--entry FILE` (/entry/<n>)")
    if ENTRY.match(raw):
        raise Usage("this is an entry: give its receipt too (/proof/<n>), or give its exhibit")
    if not raw.startswith(b"PK") and end_of_directory(raw) is None:
        raise Unreadable(what_it_is(raw))
    return verify_given(lambda: read_zip_of_any_kind(raw, path.name), key, policy)

def main():
    global TYPES
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("what", nargs="*", help="the ledger's URL or folder, an exhibit, a case file, or a receipt")
    parser.add_argument("--key", metavar="VKEY", action=Once, help="the log's key, got by another way")
    for name, what in (("policy", "a tlog-policy, got by another way"), ("entry", "the entry of a receipt"),
                       ("vectors", "run test vectors"), ("speccheck", "run the Ed25519 edge cases")):
        parser.add_argument(f"--{name}", metavar="FILE", type=pathlib.Path, action=Once, help=what)
    parser.add_argument("--max-age", metavar="TIME", type=seconds_of, action=Once,
                        help="how old a cosignature may be to count: seconds, or a number with s, m, h or d")
    a = parser.parse_args()
    if bool(a.what) + bool(a.vectors) + bool(a.speccheck) != 1:
        parser.error("give one ledger, exhibit, or file of vectors")
    key = read_vkey(a.key) if a.key is not None else None
    if a.key is not None and not key:
        parser.error("--key is no vkey of type 0x01")
    try:
        TYPES = load_types()
        if a.vectors or a.speccheck:
            return run_vectors(a.vectors) if a.vectors else run_speccheck(a.speccheck)
        policy = read_policy(read_file(a.policy, MAX_POLICY)) if a.policy else None
        check_one_log(key, policy)
        if a.max_age is not None:
            need(policy and policy.quorum != "none", None, "--max-age", "needs a policy that asks for witnesses")
            policy.max_age = a.max_age
    except (Unreadable, Refused, OSError, ValueError) as e:
        print(f"could not be used: {e}")
        return 2
    try:
        return check(a.what, a.entry, key, policy)
    except Usage as e:
        print(f"could not be used: {e}")
        return 2
    except (Unreadable, OSError, ValueError) as e:
        print(f"NOT DECIDED: {e}")
        return 3

if __name__ == "__main__":
    sys.exit(main())

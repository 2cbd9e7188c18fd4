#!/usr/bin/env python3
# verify_proof.py: check a proof of cipguard's audit log without the server
#
#   verify_proof.py FILE [PUBLIC_KEY [ANCHOR]]
#
# FILE        what cipguard.audit_proof(event) or cipguard.audit_consistency(size1, size2) returned
# PUBLIC_KEY  what cipguard.seal_public_key() returned, kept from when the log was begun
# ANCHOR      file with a checkpoint that was kept elsewhere
#
# Without PUBLIC_KEY signatures are not checked: then the proof says only that it
# agrees with itself.  Needs Python 3.7 and, for signatures, openssl 1.1.1.
# Exit status: 0 right, 1 wrong (standard error says what), 2 could not check.
import base64
import datetime
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

EVENT_TAG = b"cipguard.audit.v1"
BLOCK_TAG = b"cipguard.block.v1"
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
PROOF = ["format", "event_id", "event", "leaf", "index", "path", "block", "block_bytes", "head", "block_path", "checkpoint"]
CONSISTENCY = ["format", "path", "first_checkpoint", "checkpoint"]
# Place of the event's number among the columns, by kind of row.
NUMBER_COLUMN = {1: 0, 2: 1, 3: 1, 4: 0}
ROW_KIND = {1: "event", 2: "session", 3: "columns of a table", 4: "purge"}


class Wrong(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Wrong(what)


def unbase64(text, what, length=None):
    require(isinstance(text, str), what + " is no text")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong(what + " is not base64")
    require(base64.b64encode(data).decode() == text, what + " is not base64")
    require(length is None or len(data) == length, what + " has a wrong length")
    return data


def number(value, what):
    require(type(value) is int and 0 <= value < 2**63, what + " is no number")
    return value


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


# RFC 9162, section 2.1.3.2
def check_inclusion(leaf, index, size, path, root, what):
    require(index < size, what + ": there is no such leaf")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        require(sn != 0, what + ": the path is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    require(sn == 0, what + ": the path is too short")
    require(r == root, what + ": the path leads to another root")


# RFC 9162, section 2.1.4.2
def check_consistency(first, first_root, second, second_root, path):
    require(0 < first <= second, "the first log is not the shorter one")
    if first == second:
        require(not path and first_root == second_root, "logs of the same size differ")
        return
    if first & (first - 1) == 0:
        path = [first_root] + path
    require(path, "the path is too short")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        require(sn != 0, "the path is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    require(sn == 0, "the path is too short")
    require(fr == first_root, "the path leads to another root of the first log")
    require(sr == second_root, "the path leads to another root of the second log")


def read_path(value, what):
    require(isinstance(value, list) and len(value) <= 65, what + " is no path")
    return [unbase64(p, what, 32) for p in value]


# c2sp.org/signed-note: name+id+base64(0x01 || key)
def read_key(text):
    parts = text.strip().split("+", 2)
    require(len(parts) == 3, "the public key is not of the form name+id+key")
    name, key_id, coded = parts
    typed = unbase64(coded, "the public key", 33)
    require(typed[0] == 1, "the public key is not an Ed25519 key")
    want = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    require(key_id == want.hex(), "the public key does not have that id")
    return name, want, typed[1:]


def openssl_verify(key, message, signature):
    with tempfile.TemporaryDirectory() as d:
        files = [os.path.join(d, f) for f in ("key", "message", "signature")]
        for file, data in zip(files, (SPKI_ED25519 + key, message, signature)):
            with open(file, "wb") as f:
                f.write(data)
        run = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", files[0], "-rawin",
                              "-in", files[1], "-sigfile", files[2]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return run.returncode == 0


# c2sp.org/tlog-checkpoint
def read_checkpoint(text, what):
    require(isinstance(text, str) and text.endswith("\n") and "\n\n" in text, what + " is not a signed note")
    body, signatures = text.rsplit("\n\n", 1)
    body += "\n"
    lines = body.split("\n")[:-1]
    require(len(lines) >= 3 and all(lines), what + " is not a checkpoint")
    require(lines[1].isascii() and lines[1].isdigit() and str(int(lines[1])) == lines[1], what + " has no size")
    result = {"what": what, "body": body.encode(), "signatures": [], "origin": lines[0], "size": int(lines[1]),
              "root": unbase64(lines[2], "root of " + what, 32)}
    for line in lines[3:]:
        name, _, value = line.partition(" ")
        result.setdefault(name + " line", value)
    signed = signatures.split("\n")
    require(signed.pop() == "" and signed, what + " has no signature")
    for line in signed:
        parts = line.split(" ")
        require(len(parts) == 3 and parts[0] == "\u2014" and parts[1], what + " has a malformed signature")
        result["signatures"].append((parts[1], unbase64(parts[2], "signature of " + what)))
    return result


def check_signature(checkpoint, key):
    what = checkpoint["what"]
    require(key[0] == checkpoint["origin"], what + " is not signed by this key: its log has another name")
    ours = [data for name, data in checkpoint["signatures"] if name == key[0] and data[:4] == key[1]]
    require(len(ours) == 1, what + " is not signed by this key")
    require(len(ours[0]) == 68 and openssl_verify(key[2], checkpoint["body"], ours[0][4:]), what + ": the signature is wrong")


def check_anchor(anchor, checkpoints):
    for c in checkpoints:
        if anchor["size"] == c["size"]:
            require(anchor["root"] == c["root"], "the log is not the one of the anchor: it was rewritten, or went on elsewhere")
            return
    raise Wrong("the anchor has %d blocks, the proof %s; ask the server for cipguard.audit_consistency with that size"
                % (anchor["size"], " and ".join(str(c["size"]) for c in checkpoints)))


def take(data, at, n, what):
    require(at + n <= len(data), what + " ends early")
    return data[at:at + n], at + n


def read_columns(data, at):
    columns = []
    while at < len(data):
        head, at = take(data, at, 4, "the event")
        n, = struct.unpack(">I", head)
        if n == 0xFFFFFFFF:
            columns.append(None)
            continue
        if n == 0xFFFFFFFE:
            head, at = take(data, at, 4, "the event")
            n, = struct.unpack(">I", head)
        value, at = take(data, at, n, "the event")
        columns.append(value)
    return columns


def read_block(data):
    fields = {}
    require(data[:17] == BLOCK_TAG, "the block is of an unknown format")
    at = 17
    for name, form in (("log", "16s"), ("number", ">Q"), ("previous", "32s"), ("snapshot", None), ("events", ">Q"),
                       ("root", "32s"), ("policy", "32s"), ("timeline", ">I"), ("system", ">Q"), ("closed", ">q")):
        if form is None:
            head, at = take(data, at, 4, "the block")
            fields[name], at = take(data, at, struct.unpack(">I", head)[0], "the block")
        else:
            value, at = take(data, at, struct.calcsize(form), "the block")
            fields[name], = struct.unpack(form, value)
    require(at == len(data), "the block is too long")
    return fields


def when(microseconds):
    return (datetime.datetime(2000, 1, 1) + datetime.timedelta(microseconds=microseconds)).isoformat() + "Z"


def show_event(kind, columns):
    print("row:        " + ROW_KIND.get(kind, str(kind)))
    if kind != 1 or len(columns) < 14:
        return
    text = [c.decode(errors="replace") if c is not None else "" for c in columns]
    print("kind:       " + text[7])
    print("written:    " + when(struct.unpack(">q", columns[2])[0]))
    print("relation:   " + text[10])
    print("role:       " + text[11])
    if columns[12] is not None:
        print("user:       %s (%s)" % (text[12], "verified" if columns[8] == b"\1" else "claimed"))
    if columns[13] is not None:
        print("purpose:    " + text[13])


def verify_proof(proof):
    checkpoint = read_checkpoint(proof["checkpoint"], "the checkpoint")
    event = unbase64(proof["event"], "the event")
    require(event[:17] == EVENT_TAG and len(event) >= 34, "the event is of an unknown format")
    columns = read_columns(event, 34)
    place = NUMBER_COLUMN.get(event[17])
    require(place is not None and place < len(columns) and columns[place] is not None and
            columns[place] == struct.pack(">Q", number(proof["event_id"], "event_id")), "the event has another number")
    leaf = leaf_hash(event)
    require(leaf == unbase64(proof["leaf"], "leaf"), "the event has another hash")

    data = unbase64(proof["block_bytes"], "the block")
    block = read_block(data)
    require(0 < block["number"] == number(proof["block"], "block"), "the block has another number")
    require(block["log"] == event[18:34], "the event is of another log than the block")
    require(checkpoint.get("log line", "").replace("-", "") == block["log"].hex(), "the block is of another log than the checkpoint")
    check_inclusion(leaf, number(proof["index"], "index"), block["events"], read_path(proof["path"], "path"),
                    block["root"], "event in its block")
    head = hashlib.sha256(data).digest()
    require(head == unbase64(proof["head"], "head"), "the block has another head")
    check_inclusion(leaf_hash(head), block["number"] - 1, checkpoint["size"], read_path(proof["block_path"], "block_path"),
                    checkpoint["root"], "block in the log")
    print("event:      %d, %d of %d in block %d of %d" % (proof["event_id"], proof["index"] + 1, block["events"],
                                                          block["number"], checkpoint["size"]))
    show_event(event[17], columns)
    print("sealed:     " + when(block["closed"]))
    print("log:        " + checkpoint["origin"])
    return [checkpoint]


def verify_consistency(proof):
    first = read_checkpoint(proof["first_checkpoint"], "the first checkpoint")
    second = read_checkpoint(proof["checkpoint"], "the checkpoint")
    for line in "origin", "log line":
        require(first.get(line) == second.get(line), "the checkpoints are of different logs")
    check_consistency(first["size"], first["root"], second["size"], second["root"], read_path(proof["path"], "path"))
    print("the log of %d blocks begins with the one of %d" % (second["size"], first["size"]))
    print("log:        " + second["origin"])
    return [first, second]


def unique(pairs):
    require(len(dict(pairs)) == len(pairs), "a name is there twice")
    return dict(pairs)


def main(arguments):
    if not 1 <= len(arguments) <= 3:
        print("usage: verify_proof.py FILE [PUBLIC_KEY [ANCHOR]]", file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as f:
            text = f.read()
        anchor = None
        if len(arguments) > 2:
            with open(arguments[2], encoding="utf-8", newline="") as f:
                anchor = f.read().rstrip("\n") + "\n"
        try:
            proof = json.loads(text, object_pairs_hook=unique)
        except ValueError:
            raise Wrong("the file is not JSON")
        key = read_key(arguments[1]) if len(arguments) > 1 else None
        form = proof.get("format") if isinstance(proof, dict) else None
        fields, verify = {"cipguard.proof.v1": (PROOF, verify_proof),
                          "cipguard.consistency.v1": (CONSISTENCY, verify_consistency)}.get(form, (None, None))
        require(verify is not None, "the file is of an unknown format")
        require(sorted(proof) == sorted(fields), "the proof has other fields")
        checkpoints = verify(proof)
        if anchor is not None:
            anchor = read_checkpoint(anchor, "the anchor")
            check_anchor(anchor, checkpoints)
            checkpoints = checkpoints + [anchor]
        if key is not None:
            for checkpoint in checkpoints:
                check_signature(checkpoint, key)
        if anchor is not None:
            print("anchor:     agrees")
    except Wrong as e:
        print("WRONG: " + str(e), file=sys.stderr)
        return 1
    except OSError as e:
        print("could not check: " + str(e), file=sys.stderr)
        return 2
    print("signature:  " + ("right" if key is not None else "NOT CHECKED, no public key was given"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

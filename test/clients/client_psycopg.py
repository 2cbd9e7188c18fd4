#!/usr/bin/env python3
"""psycopg 3 as it comes: client_psycopg.py ROLE MODE (see test/tools/check_clients.sh)

Every statement goes to the plain and to the encrypted table of each type, with
the same Python objects; what comes back on the wire must be the same bytes, in
the text and in the binary format.
"""
import datetime
import decimal
import ipaddress
import json
import sys
import uuid

import psycopg
from psycopg.types.json import Jsonb

role, mode = sys.argv[1:3]
count = failed = 0


def ok(good, name, why=''):
    global count, failed
    count += 1
    failed += not good
    print(('' if good else 'not ') + f'ok {count} - psycopg: {name}', flush=True)
    if not good and why:
        print(f'# {why}', flush=True)


def value(typ, text):
    """The object that a Python programmer has of a value."""
    if typ == 'int8':
        return int(text)
    if typ == 'numeric':
        return decimal.Decimal(text)
    if typ == 'bool':
        return text == 't'
    if typ == 'date':
        return datetime.date.fromisoformat(text)
    if typ == 'timestamptz':
        form = '%Y-%m-%d %H:%M:%S.%f%z' if '.' in text else '%Y-%m-%d %H:%M:%S%z'
        return datetime.datetime.strptime(text + '00', form)
    if typ == 'uuid':
        return uuid.UUID(text)
    if typ == 'inet':
        return ipaddress.ip_interface(text) if '/' in text else ipaddress.ip_address(text)
    if typ == 'jsonb':
        return Jsonb(json.loads(text))
    if typ == 'bytea':
        return bytes.fromhex(text[2:])
    return text


def raw(cur):
    res = cur.pgresult
    return [res.get_value(i, j) for i in range(res.ntuples) for j in range(res.nfields)]


def steps(typ, table, v, placeholder, binary):
    """Yields (label, function of a cursor)."""
    p = placeholder

    def run(sql, args=(), prepare=None, times=1):
        def f(cur):
            for _ in range(times):
                cur.execute(sql.format(t=table), args, prepare=prepare)
            return raw(cur) if cur.description else cur.rowcount
        return f

    def batch(cur):
        cur.executemany(f'INSERT INTO {table} (id, v) VALUES (%s, {p})', [(10 + i, x) for i, x in enumerate(v)])
        cur.execute(f'SELECT v FROM {table} WHERE id >= 10 ORDER BY id')
        return raw(cur)

    def pipeline(cur):
        with cur.connection.pipeline():
            for i, x in enumerate(v):
                cur.execute(f'INSERT INTO {table} (id, v) VALUES (%s, {p})', (20 + i, x))
        cur.execute(f'SELECT v FROM {table} WHERE id >= 20 ORDER BY id')
        return raw(cur)

    def copy(cur):
        with cur.copy(f'COPY {table} (id, v) FROM STDIN' + (' (FORMAT binary)' if binary else '')) as cp:
            if binary:
                cp.set_types(['int4', {'text': 'text', 'bool': 'bool'}.get(typ, typ)])
            for i, x in enumerate(v):
                cp.write_row((30 + i, x))
        cur.execute(f'SELECT v FROM {table} WHERE id >= 30 ORDER BY id')
        return raw(cur)

    def copy_out(cur):
        with cur.copy(f'COPY (SELECT id, v FROM {table} WHERE id >= 30 ORDER BY id) TO STDOUT'
                      + (' (FORMAT binary)' if binary else '')) as cp:
            return b''.join(bytes(b) for b in cp)

    yield 'insert', run(f'INSERT INTO {{t}} (id, v) VALUES (1, {p})', (v[0],))
    yield 'select', run('SELECT v FROM {t} WHERE id = 1')
    yield 'insert of NULL', run(f'INSERT INTO {{t}} (id, v, vs) VALUES (2, {p}, {p})', (None, None))
    yield 'select of NULL', run('SELECT v, vs FROM {t} WHERE id = 2')
    yield 'returning', run(f'INSERT INTO {{t}} (id, v) VALUES (3, {p}) RETURNING v', (v[1],))
    yield 'insert of an array', run(f'INSERT INTO {{t}} (id, vs) VALUES (4, {p})', ([v[0], None, v[1]],))
    yield 'insert of an empty array', run(f'INSERT INTO {{t}} (id, vs) VALUES (5, {p})', ([],))
    yield 'select of arrays', run('SELECT vs::text FROM {t} WHERE id IN (4, 5) ORDER BY id') if table.startswith('plain') else \
        run('SELECT vs FROM {t} WHERE id IN (4, 5) ORDER BY id')
    yield 'element of an array', run('SELECT vs[1] FROM {t} WHERE id = 4')
    yield 'batch', batch
    yield 'pipeline', pipeline
    yield 'copy in', copy
    yield 'copy out', copy_out
    yield 'prepared', run(f'UPDATE {{t}} SET v = {p} WHERE id = 1', (v[2],), prepare=True, times=8)
    yield 'prepared select', run('SELECT v FROM {t} WHERE id = %s', (1,), prepare=True, times=8)
    yield 'where =', run(f'SELECT id FROM {{t}} WHERE v = {p} ORDER BY id', (v[1],))
    yield 'where = reversed', run(f'SELECT id FROM {{t}} WHERE {p} = v ORDER BY id', (v[1],))
    yield 'where <>', run(f'SELECT id FROM {{t}} WHERE v <> {p} ORDER BY id', (v[1],))
    yield 'where = prepared', run(f'SELECT id FROM {{t}} WHERE v = {p} ORDER BY id', (v[1],), prepare=True, times=8)
    yield 'where = ANY', run(f'SELECT id FROM {{t}} WHERE v = ANY({p}) ORDER BY id', ([v[0], v[1]],))
    yield 'where IN', run(f'SELECT id FROM {{t}} WHERE v IN ({p}, {p}) ORDER BY id', (v[0], v[1]))
    yield 'update', run(f'UPDATE {{t}} SET v = {p} WHERE v = {p} AND id = 3 RETURNING id, v', (v[2], v[1]))


def outcome(conn, f, binary):
    try:
        with conn.transaction():
            return f(conn.cursor(binary=binary))
    except psycopg.Error as e:
        return f'error {e.sqlstate}: {e}'


types = []
with psycopg.connect(user='postgres', autocommit=True) as admin:
    types = admin.execute('SELECT name, plain, v1, v2, v3 FROM client_type ORDER BY name').fetchall()
    for name, *_ in types:
        admin.execute(f'TRUNCATE plain_{name}, enc_{name}')

if role == 'client_reader':
    for name, plain, *texts in types:
        v = [value(name, t) for t in texts]
        for placeholder, binary in (('%s', False), ('%t', False), ('%b', True), ('%s', True)):
            with psycopg.connect(user=role, autocommit=True) as conn:
                for table in ('plain_', 'enc_'):
                    conn.execute(f'DELETE FROM {table}{name}')
                pairs = zip(steps(name, f'plain_{name}', v, placeholder, binary),
                            steps(name, f'enc_{name}', v, placeholder, binary))
                for (label, f), (_, g) in pairs:
                    if label == 'select of arrays' and binary:
                        continue
                    want, got = outcome(conn, f, binary), outcome(conn, g, binary)
                    # What the plain type refuses is no measure.
                    both = str(want)[:5] == 'error'
                    ok(both or want == got, f'{name}, {placeholder}{", binary" if binary else ""}: {label}'
                       + (' (refused by the plain type)' if both else ''), f'plain: {want!r}; encrypted: {got!r}')
else:
    for name, plain, *texts in types:
        v = [value(name, t) for t in texts]
        with psycopg.connect(user='client_reader', autocommit=True) as conn:
            conn.execute(f'INSERT INTO enc_{name} (id, v, vs) VALUES (1, %s, %s)', (v[0], [v[1], None]))
        for binary in (False, True):
            with psycopg.connect(user=role, autocommit=True) as conn:
                cur = conn.cursor(binary=binary)
                with psycopg.connect(user='client_reader', autocommit=True) as reader:
                    rc = reader.cursor(binary=binary)
                    rc.execute(f'SELECT v, vs FROM enc_{name} WHERE id = 1')
                    real = raw(rc)
                how = f'{name}{", binary" if binary else ""}'
                cur.execute(f'SELECT v, vs FROM enc_{name} WHERE id = 1')
                shown = raw(cur)
                ok(shown[0] != real[0] and shown[1] != real[1], f'{how}: a clerk does not see values', f'{shown}')
                if mode == 'plain':
                    ok(shown[0][:1] == b'\xc1' if binary else shown[0][:5] == b'cip1:', f'{how}: but armor', f'{shown}')
                try:
                    cur.execute(f'SELECT id FROM enc_{name} WHERE v = %s', (v[0],))
                    found = cur.fetchall()
                except psycopg.Error:
                    found = []
                ok(found == [], f'{how}: finds nothing by value', f'{found}')
                try:
                    cur.execute(f'INSERT INTO enc_{name} (id, v) VALUES (%s, %s) RETURNING v', (2 + binary, v[2]))
                    ok(True, f'{how}: inserts')
                except psycopg.Error as e:
                    ok(False, f'{how}: inserts', str(e))
                if mode == 'plain' and not binary:
                    # Armor that a driver read is written back as it was.
                    cur.execute(f'INSERT INTO enc_{name} (id, v) VALUES (8, %s)', (shown[0].decode(),))
                    with psycopg.connect(user='client_reader', autocommit=True) as reader:
                        back = reader.execute(f'SELECT v FROM enc_{name} WHERE id = 8').fetchone()[0]
                    ok(back == real[0].decode(), f'{how}: armor written back is the value', back)
                with psycopg.connect(user='client_reader', autocommit=True) as reader:
                    got = reader.execute(f'SELECT a.v = b.v FROM enc_{name} a, enc_{name} b WHERE a.id = 1 AND b.id = 1').fetchone()
                    ok(got == (True,), f'{how}: the reader compares', f'{got}')

print(f'1..{count}')
sys.exit(1 if failed else 0)

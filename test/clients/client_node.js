// node-postgres as it comes: client_node.js ROLE MODE (see test/tools/check_clients.sh)
//
// Every statement goes to the plain and to the encrypted table of each type,
// with the same JavaScript values; what comes back must be the same string.
'use strict';
const { Client } = require('pg');
const [role, mode] = process.argv.slice(2);
let count = 0, failures = 0;

function ok(good, name, why) {
	count++;
	if (!good) failures++;
	console.log(`${good ? '' : 'not '}ok ${count} - node-postgres: ${name}`);
	if (!good && why) console.log(`# ${why}`);
}

async function open(user) {
	const c = new Client({ user });
	await c.connect();
	return c;
}

// The value that a JavaScript programmer has.
function value(type, text) {
	switch (type) {
		case 'int8': return BigInt(text);
		case 'bool': return text === 't';
		case 'timestamptz': return text.includes('000001') ? text : new Date(text.replace(' ', 'T') + ':00');
		case 'jsonb': return JSON.parse(text);
		case 'bytea': return Buffer.from(text.slice(2), 'hex');
		default: return text;
	}
}

const rows = (r) => JSON.stringify(r.rows.map((x) => Object.values(x)));

function steps(type, table, v) {
	const plain = table.startsWith('plain_');
	const out = plain ? "CASE WHEN v IS NOT NULL THEN format('%s', v) END AS v" : 'v';
	// node-postgres sends a JavaScript array as an array, so documents that are
	// arrays are sent as strings, as its manual says.
	const sent = (x) => (type === 'jsonb' && Array.isArray(x) ? JSON.stringify(x) : x);
	const list = (xs) => (type === 'jsonb' ? xs.map((x) => JSON.stringify(x)) : xs);
	return {
		insert: (c) => c.query(`INSERT INTO ${table} (id, v) VALUES ($1, $2)`, [1, sent(v[0])]).then((r) => r.rowCount),
		select: (c) => c.query(`SELECT ${out} FROM ${table} WHERE id = $1`, [1]).then(rows),
		'null': (c) => c.query(`INSERT INTO ${table} (id, v) VALUES ($1, $2) RETURNING v`, [2, null]).then(rows),
		'undefined': (c) => c.query(`INSERT INTO ${table} (id, v) VALUES ($1, $2) RETURNING v`, [3, undefined]).then(rows),
		returning: (c) => c.query(`INSERT INTO ${table} (id, v) VALUES ($1, $2) RETURNING ${out}`, [4, sent(v[1])]).then(rows),
		array: (c) => c.query(`INSERT INTO ${table} (id, vs) VALUES ($1, $2) RETURNING ${plain ? 'vs::text' : 'vs'}`,
			[5, list([v[0], null, v[1]])]).then(rows),
		'multi-row insert': (c) => c.query(`INSERT INTO ${table} (id, v) VALUES (10, $1), (11, $2), (12, $3)`, v.map(sent)).then((r) => r.rowCount),
		'named (prepared)': async (c) => {
			let all = '';
			for (let i = 0; i < 8; i++)
				all += rows(await c.query({ name: `u_${table}`, text: `UPDATE ${table} SET v = $1 WHERE id = $2 RETURNING ${out}`, values: [sent(v[i % 3]), 10 + i % 3] }));
			return all;
		},
		'named (prepared) select': async (c) => {
			let all = '';
			for (let i = 0; i < 8; i++)
				all += rows(await c.query({ name: `s_${table}`, text: `SELECT id FROM ${table} WHERE v = $1 ORDER BY id`, values: [sent(v[i % 3])] }));
			return all;
		},
		'where =': (c) => c.query(`SELECT id FROM ${table} WHERE v = $1 ORDER BY id`, [sent(v[1])]).then(rows),
		'where = ANY': (c) => c.query(`SELECT id FROM ${table} WHERE v = ANY($1) ORDER BY id`, [list([v[0], v[1]])]).then(rows),
		'where IN': (c) => c.query(`SELECT id FROM ${table} WHERE v IN ($1, $2) ORDER BY id`, [sent(v[0]), sent(v[1])]).then(rows),
		'row as array': (c) => c.query({ text: `SELECT ${out} FROM ${table} WHERE id = 4`, rowMode: 'array' }).then(rows),
		'number': (c) => c.query(`INSERT INTO ${table} (id, v) VALUES ($1, $2) RETURNING ${out}`, [20, 7]).then(rows),
		'where = number': (c) => c.query(`SELECT id FROM ${table} WHERE v = $1 ORDER BY id`, [7]).then(rows),
		update: (c) => c.query(`UPDATE ${table} SET v = $1 WHERE v = $2 AND id = 4 RETURNING ${out}`, [sent(v[2]), sent(v[1])]).then(rows),
	};
}

async function outcome(c, f) {
	try {
		return String(await f(c));
	} catch (e) {
		return `error ${e.code}: ${e.message}`;
	}
}

async function main() {
	const admin = await open('postgres');
	const types = (await admin.query('SELECT name, plain, v1, v2, v3 FROM client_type ORDER BY name')).rows;
	for (const t of types) {
		const v = [t.v1, t.v2, t.v3].map((x) => value(t.name, x));
		await admin.query(`TRUNCATE plain_${t.name}, enc_${t.name}`);
		const c = await open(role);
		if (role === 'client_reader') {
			const plain = steps(t.name, `plain_${t.name}`, v), enc = steps(t.name, `enc_${t.name}`, v);
			for (const label of Object.keys(plain)) {
				const want = await outcome(c, plain[label]), got = await outcome(c, enc[label]);
				const both = want.startsWith('error');
				ok(both || want === got, `${t.name}: ${label}${both ? ' (refused by the plain type)' : ''}`, `plain: ${want}; encrypted: ${got}`);
			}
		} else {
			const reader = await open('client_reader');
			const f = steps(t.name, `enc_${t.name}`, v), r = steps(t.name, `enc_${t.name}`, v);
			await r.insert(reader);
			const real = await f.select(reader), shown = await f.select(c);
			ok(real !== shown, `${t.name}: a clerk does not see the value`, shown);
			if (mode === 'plain') {
				const armor = (await c.query(`SELECT v FROM enc_${t.name} WHERE id = 1`)).rows[0].v;
				ok(armor.startsWith('cip1:'), `${t.name}: but armor`, armor);
				await c.query(`UPDATE enc_${t.name} SET v = $1 WHERE id = 1`, [armor]);
				const back = await f.select(reader);
				ok(back === real, `${t.name}: armor written back is the value`, back);
			}
			const found = await outcome(c, f['where =']);
			ok(found === '[]' || found.startsWith('error'), `${t.name}: finds nothing by value`, found);
			const back = await outcome(c, f.returning);
			ok(!back.startsWith('error'), `${t.name}: inserts`, back);
			await reader.end();
		}
		await c.end();
	}
	await admin.end();
	console.log(`1..${count}`);
	process.exitCode = failures ? 1 : 0;
}

main().catch((e) => {
	console.error(e);
	process.exitCode = 2;
});

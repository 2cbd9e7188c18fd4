/*
 * ClientJdbc.java
 *		JDBC as it comes: ClientJdbc ROLE MODE (see test/tools/check_clients.sh)
 *
 * Every statement goes to the plain and to the encrypted table of each type,
 * with the same Java objects; what getString() gives must be the same, before
 * and after the driver prepares on the server, and with binaryTransfer forced.
 * The connection is over TLS; without, a reader gets what a clerk gets, and a
 * warning that says why.
 */
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.time.format.DateTimeFormatter;
import java.util.*;

public class ClientJdbc {
	static int count, failures;

	static void ok(boolean good, String name, String why) {
		count++;
		System.out.println((good ? "" : "not ") + "ok " + count + " - jdbc: " + name);
		if (!good) {
			failures++;
			System.out.println("# " + why.replace('\n', ' '));
		}
	}

	static Connection open(String user, String options) throws SQLException {
		return connect(user, "&sslmode=require&sslfactory=org.postgresql.ssl.NonValidatingFactory" + options);
	}

	static Connection connect(String user, String options) throws SQLException {
		return DriverManager.getConnection("jdbc:postgresql://localhost:" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE")
			+ "?user=" + user + options);
	}

	/* The object that a Java programmer has of a value. */
	static Object value(String type, String text) {
		switch (type) {
			case "int8": return Long.valueOf(text);
			case "numeric": return new BigDecimal(text);
			case "bool": return text.equals("t");
			case "date": return LocalDate.parse(text);
			case "timestamptz": return OffsetDateTime.parse(text.replace(' ', 'T') + ":00");
			case "uuid": return UUID.fromString(text);
			case "bytea": {
				byte[] b = new byte[text.length() / 2 - 1];
				for (int i = 0; i < b.length; i++)
					b[i] = (byte) Integer.parseInt(text.substring(2 * i + 2, 2 * i + 4), 16);
				return b;
			}
			default: return text;
		}
	}

	/* How he sets it. */
	static void set(PreparedStatement p, int i, String type, Object v) throws SQLException {
		switch (type) {
			case "text": p.setString(i, (String) v); break;
			case "int8": p.setLong(i, (Long) v); break;
			case "numeric": p.setBigDecimal(i, (BigDecimal) v); break;
			case "bool": p.setBoolean(i, (Boolean) v); break;
			case "bytea": p.setBytes(i, (byte[]) v); break;
			case "inet": case "jsonb": p.setObject(i, v, Types.OTHER); break;
			default: p.setObject(i, v);
		}
	}

	/* Without TLS: what a reader sees, and the SQLSTATE of the warning. */
	static void withoutTls(String user, String type, String real) throws SQLException {
		Connection c = connect(user, "&sslmode=disable");
		Statement q = c.createStatement();
		String shown = rows(q.executeQuery("SELECT v FROM enc_" + type + " WHERE id = 1")), states = "";
		for (SQLWarning w = q.getWarnings(); w != null; w = w.getNextWarning())
			states += w.getSQLState() + " ";
		ok(!shown.equals(real), type + ": without TLS a reader does not see the value", shown);
		ok(states.equals("ZC023 "), type + ": and is told why", states);
		c.close();
	}

	static int sqlType(String type) {
		switch (type) {
			case "text": return Types.VARCHAR;
			case "int8": return Types.BIGINT;
			case "numeric": return Types.NUMERIC;
			case "bool": return Types.BOOLEAN;
			case "date": return Types.DATE;
			case "timestamptz": return Types.TIMESTAMP_WITH_TIMEZONE;
			case "bytea": return Types.BINARY;
			default: return Types.OTHER;
		}
	}

	static String rows(ResultSet r) throws SQLException {
		StringBuilder s = new StringBuilder();
		while (r.next())
			for (int i = 1; i <= r.getMetaData().getColumnCount(); i++)
				s.append(r.getString(i)).append('|');
		return s.toString();
	}

	interface Step { String run(Connection c, String table) throws Exception; }

	static LinkedHashMap<String, Step> steps(String type, String plain, Object[] v) {
		LinkedHashMap<String, Step> s = new LinkedHashMap<>();
		s.put("set", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 1);
			set(p, 2, type, v[0]);
			return "" + p.executeUpdate();
		});
		s.put("setObject", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 2);
			if (type.equals("inet") || type.equals("jsonb")) {
				org.postgresql.util.PGobject o = new org.postgresql.util.PGobject();
				o.setType(type);
				o.setValue((String) v[1]);
				p.setObject(2, o);
			} else
				p.setObject(2, v[1]);
			return "" + p.executeUpdate();
		});
		s.put("setNull", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 3);
			p.setNull(2, sqlType(type));
			p.executeUpdate();
			p.setInt(1, 4);
			p.setNull(2, Types.NULL);
			return "" + p.executeUpdate();
		});
		s.put("setString", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 5);
			p.setString(2, v[0].toString());
			return "" + p.executeUpdate();
		});
		s.put("select", (c, t) -> rows(c.createStatement().executeQuery("SELECT id, " + out(t) + " FROM " + t + " ORDER BY id")));
		s.put("prepared select", (c, t) -> {
			PreparedStatement p = c.prepareStatement("SELECT " + out(t) + " FROM " + t + " WHERE id = ?");
			String r = "";
			for (int i = 0; i < 12; i++) {
				p.setInt(1, 1 + i % 3);
				r += rows(p.executeQuery());
			}
			return r;
		});
		s.put("batch", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			for (int i = 0; i < 12; i++) {
				p.setInt(1, 10 + i);
				set(p, 2, type, v[i % 3]);
				p.addBatch();
			}
			p.executeBatch();
			return rows(c.createStatement().executeQuery("SELECT " + out(t) + " FROM " + t + " WHERE id >= 10 ORDER BY id"));
		});
		s.put("array", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, vs) VALUES (?, ?)");
			p.setInt(1, 30);
			p.setArray(2, c.createArrayOf(plain, new Object[] {v[0], null, v[1]}));
			p.executeUpdate();
			return rows(c.createStatement().executeQuery("SELECT vs" + (t.startsWith("plain") ? "::text" : "") + " FROM " + t + " WHERE id = 30"));
		});
		s.put("where =", (c, t) -> {
			PreparedStatement p = c.prepareStatement("SELECT id FROM " + t + " WHERE v = ? ORDER BY id");
			String r = "";
			for (int i = 0; i < 12; i++) {
				set(p, 1, type, v[i % 3]);
				r += rows(p.executeQuery());
			}
			return r;
		});
		s.put("where = setString", (c, t) -> {
			PreparedStatement p = c.prepareStatement("SELECT id FROM " + t + " WHERE v = ? ORDER BY id");
			p.setString(1, v[0].toString());
			return rows(p.executeQuery());
		});
		s.put("where = setObject", (c, t) -> {
			PreparedStatement p = c.prepareStatement("SELECT id FROM " + t + " WHERE v = ? ORDER BY id");
			p.setObject(1, v[0]);
			return rows(p.executeQuery());
		});
		s.put("where = setInt", (c, t) -> {
			PreparedStatement p = c.prepareStatement("SELECT id FROM " + t + " WHERE v = ? ORDER BY id");
			p.setInt(1, 7);
			return rows(p.executeQuery());
		});
		s.put("setInt", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 6);
			p.setInt(2, 42);
			return "" + p.executeUpdate();
		});
		s.put("setDouble", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 7);
			p.setDouble(2, 42.5);
			return "" + p.executeUpdate();
		});
		s.put("setTimestamp", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 8);
			p.setTimestamp(2, Timestamp.valueOf("2024-02-29 12:00:00"));
			return "" + p.executeUpdate();
		});
		s.put("setDate", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (?, ?)");
			p.setInt(1, 9);
			p.setDate(2, java.sql.Date.valueOf("2024-02-29"));
			return "" + p.executeUpdate();
		});
		s.put("what was set", (c, t) -> rows(c.createStatement().executeQuery("SELECT id, " + out(t) + " FROM " + t + " WHERE id BETWEEN 5 AND 9 ORDER BY id")));
		s.put("where = ANY", (c, t) -> {
			PreparedStatement p = c.prepareStatement("SELECT id FROM " + t + " WHERE v = ANY (?) ORDER BY id");
			p.setArray(1, c.createArrayOf(plain, new Object[] {v[0], v[1]}));
			return rows(p.executeQuery());
		});
		s.put("where IN", (c, t) -> {
			PreparedStatement p = c.prepareStatement("SELECT id FROM " + t + " WHERE v IN (?, ?) ORDER BY id");
			set(p, 1, type, v[0]);
			set(p, 2, type, v[1]);
			return rows(p.executeQuery());
		});
		s.put("update returning", (c, t) -> {
			PreparedStatement p = c.prepareStatement("UPDATE " + t + " SET v = ? WHERE id = ? RETURNING " + out(t));
			String r = "";
			for (int i = 0; i < 12; i++) {
				set(p, 1, type, v[i % 3]);
				p.setInt(2, 10 + i);
				r += rows(p.executeQuery());
			}
			return r;
		});
		s.put("generated keys", (c, t) -> {
			PreparedStatement p = c.prepareStatement("INSERT INTO " + t + " (id, v) VALUES (40, ?)", new String[] {"id"});
			set(p, 1, type, v[2]);
			p.executeUpdate();
			return rows(p.getGeneratedKeys());
		});
		s.put("updatable result set", (c, t) -> {
			Statement q = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE);
			ResultSet r = q.executeQuery("SELECT id, v FROM " + t + " WHERE id = 40");
			r.next();
			r.updateObject(2, v[1]);
			r.updateRow();
			return rows(c.createStatement().executeQuery("SELECT " + out(t) + " FROM " + t + " WHERE id = 40"));
		});
		return s;
	}

	/* Drivers have forms of their own for the plain types. */
	static String out(String table) {
		return table.startsWith("plain") ? "CASE WHEN v IS NOT NULL THEN format('%s', v) END" : "v";
	}

	static String outcome(Connection c, Step s, String table) throws SQLException {
		try {
			String r = s.run(c, table);
			c.commit();
			return r;
		} catch (Exception e) {
			c.rollback();
			return "error " + (e instanceof SQLException ? ((SQLException) e).getSQLState() : "") + ": " + e;
		}
	}

	public static void main(String[] args) throws Exception {
		Connection admin = open("postgres", "");
		ResultSet types = admin.createStatement().executeQuery("SELECT name, plain, v1, v2, v3 FROM client_type ORDER BY name");
		while (types.next()) {
			String type = types.getString(1), plain = types.getString(2);
			Object[] v = {value(type, types.getString(3)), value(type, types.getString(4)), value(type, types.getString(5))};
			// boolean, bigint: the driver wants the names of the catalog.
			String element = plain.equals("bigint") ? "int8" : plain.equals("boolean") ? "bool" : plain;
			if (args[0].equals("client_reader"))
				for (String options : new String[] {"", "&prepareThreshold=1", "&prepareThreshold=-1", "&preferQueryMode=simple", "&stringtype=unspecified"}) {
					admin.createStatement().execute("TRUNCATE plain_" + type + "; TRUNCATE enc_" + type);
					Connection c = open(args[0], options);
					c.setAutoCommit(false);
					for (Map.Entry<String, Step> s : steps(type, element, v).entrySet()) {
						String want = outcome(c, s.getValue(), "plain_" + type), got = outcome(c, s.getValue(), "enc_" + type);
						boolean both = want.startsWith("error");
						ok(both || want.equals(got), type + (options.isEmpty() ? "" : ", " + options.substring(1)) + ": " + s.getKey()
							+ (both ? " (refused by the plain type)" : ""), "plain: " + want + "; encrypted: " + got);
					}
					c.close();
				}
			else {
				admin.createStatement().execute("TRUNCATE enc_" + type);
				Connection reader = open("client_reader", ""), c = open(args[0], "&prepareThreshold=1");
				PreparedStatement p = reader.prepareStatement("INSERT INTO enc_" + type + " (id, v) VALUES (1, ?)");
				set(p, 1, type, v[0]);
				p.executeUpdate();
				String real = rows(reader.createStatement().executeQuery("SELECT v FROM enc_" + type));
				withoutTls("client_reader", type, real);
				String shown = "";
				for (int i = 0; i < 3; i++)
					shown = rows(c.prepareStatement("SELECT v FROM enc_" + type + " WHERE id = 1").executeQuery());
				ok(!shown.equals(real), type + ": a clerk does not see the value", shown);
				if (args[1].equals("plain")) {
					ok(shown.startsWith("cip1:"), type + ": but armor", shown);
					// Armor is a string, whatever the type.
					p = c.prepareStatement("UPDATE enc_" + type + " SET v = ? WHERE id = 1");
					p.setObject(1, shown.substring(0, shown.length() - 1), Types.OTHER);
					p.executeUpdate();
					String back = rows(reader.createStatement().executeQuery("SELECT v FROM enc_" + type));
					ok(back.equals(real), type + ": armor written back is the value", back);
				}
				String found;
				try {
					p = c.prepareStatement("SELECT id FROM enc_" + type + " WHERE v = ?");
					set(p, 1, type, v[0]);
					found = rows(p.executeQuery());
				} catch (SQLException e) {
					found = "";
				}
				ok(found.isEmpty(), type + ": finds nothing by value", found);
				p = c.prepareStatement("INSERT INTO enc_" + type + " (id, v) VALUES (2, ?)");
				set(p, 1, type, v[1]);
				ok(p.executeUpdate() == 1, type + ": inserts", "");
			}
		}
		System.out.println("1.." + count);
		System.exit(failures > 0 ? 1 : 0);
	}
}

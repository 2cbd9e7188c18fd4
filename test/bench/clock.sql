-- What run.sh, types.sh and their like measure with; in schema bench.
-- Time of this server process in ns: on a CPU (user and system), and by the
-- clock. The kernel brings the first up to date when the process is taken off
-- the CPU, hence the short sleep.
CREATE FUNCTION bench.clock(OUT cpu bigint, OUT wall bigint)
	LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	stat text[];
BEGIN
	PERFORM pg_sleep(0.001);
	wall := extract(epoch FROM clock_timestamp()) * 1000000000;
	BEGIN
		cpu := split_part(pg_read_file('/proc/self/schedstat'), ' ', 1);
	EXCEPTION WHEN undefined_file THEN
		-- Without that, in ticks of 10 ms.
		stat := string_to_array(regexp_replace(pg_read_file('/proc/self/stat'), '^.*\) ', ''), ' ');
		cpu := (stat[12]::bigint + stat[13]::bigint) * 10000000;
	END;
END
$$;

CREATE TABLE bench.result (
	round integer NOT NULL,
	series text NOT NULL,
	variant text NOT NULL,
	n integer NOT NULL,
	cpu bigint NOT NULL,
	wall bigint NOT NULL
);

CREATE PROCEDURE bench.note(round integer, series text, variant text, n integer, cpu bigint, wall bigint)
	LANGUAGE sql
	AS $$
		INSERT INTO bench.result
			SELECT note.round, note.series, note.variant, note.n, c.cpu - note.cpu, c.wall - note.wall FROM bench.clock() c
	$$;

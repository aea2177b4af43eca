DROP DATABASE IF EXISTS escolares;
DROP ROLE IF EXISTS escolares_app, escolares_lectura;

CREATE ROLE escolares_lectura NOLOGIN;
CREATE ROLE escolares_app LOGIN PASSWORD 'solo-para-pruebas' IN ROLE escolares_lectura;
CREATE DATABASE escolares OWNER escolares_app;

\connect escolares

CREATE TABLE alumno (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    matricula text NOT NULL UNIQUE,
    nombre text NOT NULL,
    fotografia bytea
);
CREATE TABLE inscripcion (
    alumno_id integer NOT NULL REFERENCES alumno,
    periodo text NOT NULL,
    promedio numeric(4, 2) CHECK (promedio BETWEEN 0 AND 10),
    PRIMARY KEY (alumno_id, periodo)
);
INSERT INTO alumno (matricula, nombre, fotografia)
    SELECT 'M' || lpad(n::text, 6, '0'), E'Persona de prueba ñ ✓ \n ' || n, sha256(n::text::bytea)
    FROM generate_series(1, 3000) AS n;
INSERT INTO inscripcion SELECT id, '2026-' || p, (id % 1001) / 100.0 FROM alumno, generate_series(1, 2) AS p;

CREATE VIEW promedio_por_periodo AS SELECT periodo, avg(promedio) AS promedio FROM inscripcion GROUP BY periodo;
CREATE FUNCTION total_de_alumnos() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM alumno';

ALTER TABLE alumno OWNER TO escolares_app;
ALTER TABLE inscripcion OWNER TO escolares_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO escolares_lectura;

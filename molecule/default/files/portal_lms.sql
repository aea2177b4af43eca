DROP DATABASE IF EXISTS portal;
DROP DATABASE IF EXISTS lms;
CREATE DATABASE portal CHARACTER SET utf8mb4;
CREATE DATABASE lms CHARACTER SET utf8mb4;

USE portal;
CREATE TABLE noticia (id INT AUTO_INCREMENT PRIMARY KEY, titulo VARCHAR(200) NOT NULL, cuerpo TEXT) ENGINE = InnoDB;
INSERT INTO noticia (titulo, cuerpo) SELECT CONCAT('Noticia ñ ✓ ', seq), REPEAT(MD5(seq), 4) FROM seq_1_to_200;

USE lms;
CREATE TABLE curso (id INT AUTO_INCREMENT PRIMARY KEY, nombre VARCHAR(200) NOT NULL) ENGINE = InnoDB;
CREATE TABLE entrega (
    id INT AUTO_INCREMENT PRIMARY KEY,
    curso_id INT NOT NULL,
    archivo BLOB,
    FOREIGN KEY (curso_id) REFERENCES curso (id)
) ENGINE = InnoDB;
CREATE TABLE bitacora (id INT AUTO_INCREMENT PRIMARY KEY, entrega_id INT NOT NULL) ENGINE = InnoDB;
CREATE VIEW entregas_por_curso AS
    SELECT curso.nombre, COUNT(*) AS total FROM entrega JOIN curso ON curso.id = curso_id GROUP BY curso.nombre;

DELIMITER //
CREATE TRIGGER entrega_registrada AFTER INSERT ON entrega FOR EACH ROW
BEGIN
    INSERT INTO bitacora (entrega_id) VALUES (NEW.id);
END //
CREATE PROCEDURE contar_entregas (OUT total INT)
BEGIN
    SELECT COUNT(*) INTO total FROM entrega;
END //
DELIMITER ;
CREATE EVENT depurar_bitacora ON SCHEDULE EVERY 1 YEAR DO DELETE FROM bitacora WHERE entrega_id < 0;

INSERT INTO curso (nombre) SELECT CONCAT('Curso ', seq) FROM seq_1_to_20;
INSERT INTO entrega (curso_id, archivo) SELECT 1 + seq % 20, UNHEX(SHA2(seq, 512)) FROM seq_1_to_5000;

-- What nobody requested.
DROP DATABASE IF EXISTS foro;
CREATE DATABASE foro CHARACTER SET utf8mb4;
CREATE TABLE foro.mensaje (id INT AUTO_INCREMENT PRIMARY KEY, texto TEXT) ENGINE = InnoDB;
INSERT INTO foro.mensaje (texto) SELECT CONCAT('Mensaje ', seq) FROM seq_1_to_50;

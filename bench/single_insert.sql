\set id random(1, 9000000000000000)
insert into bench_event (id, at, body) values (:id, 1795894160353, repeat('x', 350)::bytea);

-- Once, in a new PostgreSQL: 128 WAL files of 16 MB, which the checkpoint then keeps for what comes. Else each is made and
-- flushed at the moment when it is needed, and every commit waits for that.
do $$
begin
  for file in 1 .. 128 loop
    perform pg_logical_emit_message(false, 'stocksblitz', 'something, so that the file is not empty');
    perform pg_switch_wal();
  end loop;
end $$;
checkpoint;

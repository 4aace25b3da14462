// The private PostgreSQL of the storage tests, for this program too.
#include "tests/storage/private_postgres.cpp"

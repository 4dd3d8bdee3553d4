#include "store_internal.h"

int store_menu_put(struct store_txn *txn, int64_t chat, int64_t hash, struct error *error)
{
	unsigned char record[INT_BYTES];
	struct store_key key;

	chat_key(&key, chat);
	int64_write(record, hash);
	return table_put(txn, TABLE_MENUS, &key, record, sizeof record, error);
}

int store_menu_remove(struct store_txn *txn, int64_t chat, struct error *error)
{
	struct store_key key;

	chat_key(&key, chat);
	return table_remove(txn, TABLE_MENUS, &key, error);
}

int store_menus_each(struct store_txn *txn, store_menu_fn *fn, void *context, struct error *error)
{
	struct store_key key;
	MDB_val value;
	int found;

	for (key_init(&key); (found = table_seek(txn, TABLE_MENUS, &key, &value, error)) == 1;
	     key_increment(&key)) {
		if (key.len != INT_BYTES || value.mv_size != INT_BYTES)
			return store_damaged(error, "menu");
		fn(context, int64_read(key.bytes), int64_read(value.mv_data));
	}
	return found;
}

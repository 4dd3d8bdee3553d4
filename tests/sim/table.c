/*
 * The parameters of the methods and the objects within them, as the Bot API 10.1 of 11 June 2026 describes
 * them. Flat tables; whoever adds a method adds its row at the end.
 */
#include "schema.h"
#include "methods.h"

static const struct field web_app_info_fields[] = {
    {"url", T_STR, true, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema web_app_info = {"WebAppInfo", web_app_info_fields};

static const struct field login_url_fields[] = {
    {"url", T_STR, true, NULL},
    {"forward_text", T_STR, false, NULL},
    {"bot_username", T_STR, false, NULL},
    {"request_write_access", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema login_url = {"LoginUrl", login_url_fields};

static const struct field switch_inline_query_chosen_chat_fields[] = {
    {"query", T_STR, false, NULL},
    {"allow_user_chats", T_BOOL, false, NULL},
    {"allow_bot_chats", T_BOOL, false, NULL},
    {"allow_group_chats", T_BOOL, false, NULL},
    {"allow_channel_chats", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema switch_inline_query_chosen_chat = {
    "SwitchInlineQueryChosenChat", switch_inline_query_chosen_chat_fields};

static const struct field copy_text_button_fields[] = {
    {"text", T_STR, true, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema copy_text_button = {"CopyTextButton", copy_text_button_fields};

static const struct field callback_game_fields[] = {

    {NULL, T_ANY, false, NULL},
};
static const struct schema callback_game = {"CallbackGame", callback_game_fields};

static const struct field inline_keyboard_button_fields[] = {
    {"text", T_STR, true, NULL},
    {"icon_custom_emoji_id", T_STR, false, NULL},
    {"style", T_STR, false, NULL},
    {"url", T_STR, false, NULL},
    {"callback_data", T_STR, false, NULL},
    {"web_app", T_OBJECT, false, &web_app_info},
    {"login_url", T_OBJECT, false, &login_url},
    {"switch_inline_query", T_STR, false, NULL},
    {"switch_inline_query_current_chat", T_STR, false, NULL},
    {"switch_inline_query_chosen_chat", T_OBJECT, false, &switch_inline_query_chosen_chat},
    {"copy_text", T_OBJECT, false, &copy_text_button},
    {"callback_game", T_OBJECT, false, &callback_game},
    {"pay", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema inline_keyboard_button = {"inline keyboard button", inline_keyboard_button_fields};

static const struct field inline_keyboard_markup_fields[] = {
    {"inline_keyboard", T_GRID, true, &inline_keyboard_button},
    {NULL, T_ANY, false, NULL},
};
const struct schema inline_keyboard_markup = {"InlineKeyboardMarkup", inline_keyboard_markup_fields};

static const struct field keyboard_button_request_users_fields[] = {
    {"request_id", T_INT, true, NULL},
    {"user_is_bot", T_BOOL, false, NULL},
    {"user_is_premium", T_BOOL, false, NULL},
    {"max_quantity", T_INT, false, NULL},
    {"request_name", T_BOOL, false, NULL},
    {"request_username", T_BOOL, false, NULL},
    {"request_photo", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema keyboard_button_request_users = {
    "KeyboardButtonRequestUsers", keyboard_button_request_users_fields};

static const struct field chat_administrator_rights_fields[] = {
    {"is_anonymous", T_BOOL, true, NULL},
    {"can_manage_chat", T_BOOL, true, NULL},
    {"can_delete_messages", T_BOOL, true, NULL},
    {"can_manage_video_chats", T_BOOL, true, NULL},
    {"can_restrict_members", T_BOOL, true, NULL},
    {"can_promote_members", T_BOOL, true, NULL},
    {"can_change_info", T_BOOL, true, NULL},
    {"can_invite_users", T_BOOL, true, NULL},
    {"can_post_stories", T_BOOL, true, NULL},
    {"can_edit_stories", T_BOOL, true, NULL},
    {"can_delete_stories", T_BOOL, true, NULL},
    {"can_post_messages", T_BOOL, false, NULL},
    {"can_edit_messages", T_BOOL, false, NULL},
    {"can_pin_messages", T_BOOL, false, NULL},
    {"can_manage_topics", T_BOOL, false, NULL},
    {"can_manage_direct_messages", T_BOOL, false, NULL},
    {"can_manage_tags", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema chat_administrator_rights = {
    "ChatAdministratorRights", chat_administrator_rights_fields};

static const struct field keyboard_button_request_chat_fields[] = {
    {"request_id", T_INT, true, NULL},
    {"chat_is_channel", T_BOOL, true, NULL},
    {"chat_is_forum", T_BOOL, false, NULL},
    {"chat_has_username", T_BOOL, false, NULL},
    {"chat_is_created", T_BOOL, false, NULL},
    {"user_administrator_rights", T_OBJECT, false, &chat_administrator_rights},
    {"bot_administrator_rights", T_OBJECT, false, &chat_administrator_rights},
    {"bot_is_member", T_BOOL, false, NULL},
    {"request_title", T_BOOL, false, NULL},
    {"request_username", T_BOOL, false, NULL},
    {"request_photo", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema keyboard_button_request_chat = {
    "KeyboardButtonRequestChat", keyboard_button_request_chat_fields};

static const struct field keyboard_button_request_managed_bot_fields[] = {
    {"request_id", T_INT, true, NULL},
    {"suggested_name", T_STR, false, NULL},
    {"suggested_username", T_STR, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema keyboard_button_request_managed_bot = {
    "KeyboardButtonRequestManagedBot", keyboard_button_request_managed_bot_fields};

static const struct field keyboard_button_poll_type_fields[] = {
    {"type", T_STR, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema keyboard_button_poll_type = {
    "KeyboardButtonPollType", keyboard_button_poll_type_fields};

static const struct field keyboard_button_fields[] = {
    {"text", T_STR, true, NULL},
    {"icon_custom_emoji_id", T_STR, false, NULL},
    {"style", T_STR, false, NULL},
    {"request_users", T_OBJECT, false, &keyboard_button_request_users},
    {"request_chat", T_OBJECT, false, &keyboard_button_request_chat},
    {"request_managed_bot", T_OBJECT, false, &keyboard_button_request_managed_bot},
    {"request_contact", T_BOOL, false, NULL},
    {"request_location", T_BOOL, false, NULL},
    {"request_poll", T_OBJECT, false, &keyboard_button_poll_type},
    {"web_app", T_OBJECT, false, &web_app_info},
    {NULL, T_ANY, false, NULL},
};
static const struct schema keyboard_button = {"keyboard button", keyboard_button_fields};

static const struct field reply_keyboard_markup_fields[] = {
    {"keyboard", T_GRID, true, &keyboard_button},
    {"is_persistent", T_BOOL, false, NULL},
    {"resize_keyboard", T_BOOL, false, NULL},
    {"one_time_keyboard", T_BOOL, false, NULL},
    {"input_field_placeholder", T_STR, false, NULL},
    {"selective", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
const struct schema reply_keyboard_markup = {"ReplyKeyboardMarkup", reply_keyboard_markup_fields};

static const struct field reply_keyboard_remove_fields[] = {
    {"remove_keyboard", T_BOOL, true, NULL},
    {"selective", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
const struct schema reply_keyboard_remove = {"ReplyKeyboardRemove", reply_keyboard_remove_fields};

static const struct field force_reply_fields[] = {
    {"force_reply", T_BOOL, true, NULL},
    {"input_field_placeholder", T_STR, false, NULL},
    {"selective", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
const struct schema force_reply = {"ForceReply", force_reply_fields};

static const struct field user_fields[] = {
    {"id", T_INT, true, NULL},
    {"is_bot", T_BOOL, true, NULL},
    {"first_name", T_STR, true, NULL},
    {"last_name", T_STR, false, NULL},
    {"username", T_STR, false, NULL},
    {"language_code", T_STR, false, NULL},
    {"is_premium", T_BOOL, false, NULL},
    {"added_to_attachment_menu", T_BOOL, false, NULL},
    {"can_join_groups", T_BOOL, false, NULL},
    {"can_read_all_group_messages", T_BOOL, false, NULL},
    {"supports_guest_queries", T_BOOL, false, NULL},
    {"supports_inline_queries", T_BOOL, false, NULL},
    {"can_connect_to_business", T_BOOL, false, NULL},
    {"has_main_web_app", T_BOOL, false, NULL},
    {"has_topics_enabled", T_BOOL, false, NULL},
    {"allows_users_to_create_topics", T_BOOL, false, NULL},
    {"can_manage_bots", T_BOOL, false, NULL},
    {"supports_join_request_queries", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema user = {"User", user_fields};

static const struct field message_entity_fields[] = {
    {"type", T_STR, true, NULL},
    {"offset", T_INT, true, NULL},
    {"length", T_INT, true, NULL},
    {"url", T_STR, false, NULL},
    {"user", T_OBJECT, false, &user},
    {"language", T_STR, false, NULL},
    {"custom_emoji_id", T_STR, false, NULL},
    {"unix_time", T_INT, false, NULL},
    {"date_time_format", T_STR, false, NULL},
    {NULL, T_ANY, false, NULL},
};
const struct schema message_entity = {"MessageEntity", message_entity_fields};

static const struct field link_preview_options_fields[] = {
    {"is_disabled", T_BOOL, false, NULL},
    {"url", T_STR, false, NULL},
    {"prefer_small_media", T_BOOL, false, NULL},
    {"prefer_large_media", T_BOOL, false, NULL},
    {"show_above_text", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema link_preview_options = {"LinkPreviewOptions", link_preview_options_fields};

static const struct field suggested_post_price_fields[] = {
    {"currency", T_STR, true, NULL},
    {"amount", T_INT, true, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema suggested_post_price = {"SuggestedPostPrice", suggested_post_price_fields};

static const struct field suggested_post_parameters_fields[] = {
    {"price", T_OBJECT, false, &suggested_post_price},
    {"send_date", T_INT, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema suggested_post_parameters = {
    "SuggestedPostParameters", suggested_post_parameters_fields};

static const struct field reply_parameters_fields[] = {
    {"message_id", T_INT, true, NULL},
    {"chat_id", T_CHAT, false, NULL},
    {"allow_sending_without_reply", T_BOOL, false, NULL},
    {"quote", T_STR, false, NULL},
    {"quote_parse_mode", T_STR, false, NULL},
    {"quote_entities", T_OBJECTS, false, &message_entity},
    {"quote_position", T_INT, false, NULL},
    {"checklist_task_id", T_INT, false, NULL},
    {"poll_option_id", T_STR, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema reply_parameters = {"ReplyParameters", reply_parameters_fields};

static const struct field input_rich_message_fields[] = {
    {"html", T_STR, false, NULL},
    {"markdown", T_STR, false, NULL},
    {"is_rtl", T_BOOL, false, NULL},
    {"skip_entity_detection", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema input_rich_message = {"InputRichMessage", input_rich_message_fields};

static const struct field bot_command_fields[] = {
    {"command", T_STR, true, NULL},
    {"description", T_STR, true, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema bot_command = {"BotCommand", bot_command_fields};

static const struct field bot_command_scope_fields[] = {
    {"type", T_STR, true, NULL},
    {"chat_id", T_CHAT, false, NULL},
    {"user_id", T_INT, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema bot_command_scope = {"BotCommandScope", bot_command_scope_fields};

static const struct field get_me_fields[] = {

    {NULL, T_ANY, false, NULL},
};

static const struct field get_updates_fields[] = {
    {"offset", T_INT, false, NULL},
    {"limit", T_INT, false, NULL},
    {"timeout", T_INT, false, NULL},
    {"allowed_updates", T_STRINGS, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field send_message_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, true, NULL},
    {"message_thread_id", T_INT, false, NULL},
    {"direct_messages_topic_id", T_INT, false, NULL},
    {"text", T_STR, true, NULL},
    {"parse_mode", T_STR, false, NULL},
    {"entities", T_OBJECTS, false, &message_entity},
    {"link_preview_options", T_OBJECT, false, &link_preview_options},
    {"disable_notification", T_BOOL, false, NULL},
    {"protect_content", T_BOOL, false, NULL},
    {"allow_paid_broadcast", T_BOOL, false, NULL},
    {"message_effect_id", T_STR, false, NULL},
    {"suggested_post_parameters", T_OBJECT, false, &suggested_post_parameters},
    {"reply_parameters", T_OBJECT, false, &reply_parameters},
    {"reply_markup", T_MARKUP, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field send_photo_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, true, NULL},
    {"message_thread_id", T_INT, false, NULL},
    {"direct_messages_topic_id", T_INT, false, NULL},
    {"photo", T_FILE, true, NULL},
    {"caption", T_STR, false, NULL},
    {"parse_mode", T_STR, false, NULL},
    {"caption_entities", T_OBJECTS, false, &message_entity},
    {"show_caption_above_media", T_BOOL, false, NULL},
    {"has_spoiler", T_BOOL, false, NULL},
    {"disable_notification", T_BOOL, false, NULL},
    {"protect_content", T_BOOL, false, NULL},
    {"allow_paid_broadcast", T_BOOL, false, NULL},
    {"message_effect_id", T_STR, false, NULL},
    {"suggested_post_parameters", T_OBJECT, false, &suggested_post_parameters},
    {"reply_parameters", T_OBJECT, false, &reply_parameters},
    {"reply_markup", T_MARKUP, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field send_document_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, true, NULL},
    {"message_thread_id", T_INT, false, NULL},
    {"direct_messages_topic_id", T_INT, false, NULL},
    {"document", T_FILE, true, NULL},
    {"thumbnail", T_FILE, false, NULL},
    {"caption", T_STR, false, NULL},
    {"parse_mode", T_STR, false, NULL},
    {"caption_entities", T_OBJECTS, false, &message_entity},
    {"disable_content_type_detection", T_BOOL, false, NULL},
    {"disable_notification", T_BOOL, false, NULL},
    {"protect_content", T_BOOL, false, NULL},
    {"allow_paid_broadcast", T_BOOL, false, NULL},
    {"message_effect_id", T_STR, false, NULL},
    {"suggested_post_parameters", T_OBJECT, false, &suggested_post_parameters},
    {"reply_parameters", T_OBJECT, false, &reply_parameters},
    {"reply_markup", T_MARKUP, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field edit_message_text_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, false, NULL},
    {"message_id", T_INT, false, NULL},
    {"inline_message_id", T_STR, false, NULL},
    {"text", T_STR, false, NULL},
    {"parse_mode", T_STR, false, NULL},
    {"entities", T_OBJECTS, false, &message_entity},
    {"link_preview_options", T_OBJECT, false, &link_preview_options},
    {"rich_message", T_OBJECT, false, &input_rich_message},
    {"reply_markup", T_INLINE, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field edit_message_reply_markup_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, false, NULL},
    {"message_id", T_INT, false, NULL},
    {"inline_message_id", T_STR, false, NULL},
    {"reply_markup", T_INLINE, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field delete_message_fields[] = {
    {"chat_id", T_CHAT, true, NULL},
    {"message_id", T_INT, true, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field answer_callback_query_fields[] = {
    {"callback_query_id", T_STR, true, NULL},
    {"text", T_STR, false, NULL},
    {"show_alert", T_BOOL, false, NULL},
    {"url", T_STR, false, NULL},
    {"cache_time", T_INT, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field send_chat_action_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, true, NULL},
    {"message_thread_id", T_INT, false, NULL},
    {"action", T_STR, true, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field set_my_commands_fields[] = {
    {"commands", T_OBJECTS, true, &bot_command},
    {"scope", T_OBJECT, false, &bot_command_scope},
    {"language_code", T_STR, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field get_my_commands_fields[] = {
    {"scope", T_OBJECT, false, &bot_command_scope},
    {"language_code", T_STR, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field set_webhook_fields[] = {
    {"url", T_STR, true, NULL},
    {"certificate", T_FILE, false, NULL},
    {"ip_address", T_STR, false, NULL},
    {"max_connections", T_INT, false, NULL},
    {"allowed_updates", T_STRINGS, false, NULL},
    {"drop_pending_updates", T_BOOL, false, NULL},
    {"secret_token", T_STR, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field delete_webhook_fields[] = {
    {"drop_pending_updates", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};

static const struct field get_webhook_info_fields[] = {

    {NULL, T_ANY, false, NULL},
};

static const struct field get_chat_fields[] = {
    {"chat_id", T_CHAT, true, NULL},
    {NULL, T_ANY, false, NULL},
};

/* Of the kinds of InputMedia those that are simulated. */
static const struct field input_media_fields[] = {
    {"type", T_STR, true, NULL},
    {"media", T_STR, true, NULL},
    {"thumbnail", T_STR, false, NULL},
    {"caption", T_STR, false, NULL},
    {"parse_mode", T_STR, false, NULL},
    {"caption_entities", T_OBJECTS, false, &message_entity},
    {"show_caption_above_media", T_BOOL, false, NULL},
    {"has_spoiler", T_BOOL, false, NULL},
    {"disable_content_type_detection", T_BOOL, false, NULL},
    {NULL, T_ANY, false, NULL},
};
static const struct schema input_media = {"InputMedia", input_media_fields};

static const struct field send_media_group_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, true, NULL},
    {"message_thread_id", T_INT, false, NULL},
    {"direct_messages_topic_id", T_INT, false, NULL},
    {"media", T_OBJECTS, true, &input_media},
    {"disable_notification", T_BOOL, false, NULL},
    {"protect_content", T_BOOL, false, NULL},
    {"allow_paid_broadcast", T_BOOL, false, NULL},
    {"message_effect_id", T_STR, false, NULL},
    {"reply_parameters", T_OBJECT, false, &reply_parameters},
    {NULL, T_ANY, false, NULL},
};

static const struct field edit_message_media_fields[] = {
    {"business_connection_id", T_STR, false, NULL},
    {"chat_id", T_CHAT, false, NULL},
    {"message_id", T_INT, false, NULL},
    {"inline_message_id", T_STR, false, NULL},
    {"media", T_OBJECT, true, &input_media},
    {"reply_markup", T_INLINE, false, NULL},
    {NULL, T_ANY, false, NULL},
};

const struct method methods[] = {
    {"getMe", get_me_fields, method_get_me},
    {"getUpdates", get_updates_fields, method_get_updates},
    {"sendMessage", send_message_fields, method_send_message},
    {"sendPhoto", send_photo_fields, method_send_photo},
    {"sendDocument", send_document_fields, method_send_document},
    {"editMessageText", edit_message_text_fields, method_edit_message_text},
    {"editMessageReplyMarkup", edit_message_reply_markup_fields, method_edit_message_reply_markup},
    {"deleteMessage", delete_message_fields, method_delete_message},
    {"answerCallbackQuery", answer_callback_query_fields, method_answer_callback_query},
    {"sendChatAction", send_chat_action_fields, method_send_chat_action},
    {"setMyCommands", set_my_commands_fields, method_set_my_commands},
    {"getMyCommands", get_my_commands_fields, method_get_my_commands},
    {"deleteMyCommands", get_my_commands_fields, method_delete_my_commands},
    {"setWebhook", set_webhook_fields, method_set_webhook},
    {"deleteWebhook", delete_webhook_fields, method_delete_webhook},
    {"getWebhookInfo", get_webhook_info_fields, method_get_webhook_info},
    {"getChat", get_chat_fields, method_get_chat},
    {"sendMediaGroup", send_media_group_fields, method_send_media_group},
    {"editMessageMedia", edit_message_media_fields, method_edit_message_media},
    {NULL, NULL, NULL},
};
const size_t method_count = sizeof(methods) / sizeof(*methods) - 1;

package rcfake

// SchemaOf is the name of the schema with which the server checks a route, such
// as "POST livechat/message", in its package @rocket.chat/rest-typings. Some
// have none there.
func SchemaOf(name string) string {
	for _, r := range (&Server{}).table() {
		if r.name() == name {
			return r.schema
		}
	}
	return ""
}

// table is every call that the stand-in knows. Keys of bodies are those that
// the server's own schemas allow; it refuses others.
func (s *Server) table() []route {
	manager := []string{"livechat-manager", "livechat-agent"}
	r := []route{
		{method: "GET", path: "info", run: info},
		{method: "GET", path: "me", auth: true, run: me},
		{method: "POST", path: "login", free: true, run: login, limit: 5},
		{method: "GET", path: "users.info", schema: "isUsersInfoParamsGetProps", auth: true, query: []string{"userId", "username", "importId", "includeUserRooms", "fields", "email", "freeSwitchExtension"}, run: userInfo},
		{method: "GET", path: "settings.public", schema: "isSettingsPublicWithPaginationProps", query: []string{"count", "offset", "sort", "_id", "query"}, run: publicSettings},
		{method: "GET", path: "permissions.listAll", auth: true, query: []string{"updatedSince"}, run: permissions},
		{method: "GET", path: "settings/:id", auth: true, perms: []string{"admin"}, second: true, run: setting},

		{method: "POST", path: "groups.create", schema: "isGroupsCreateProps", auth: true, body: []string{"!name", "members", "readOnly", "excludeSelf", "customFields", "extraData"}, run: createRoom("p", "group")},
		{method: "POST", path: "channels.create", schema: "isChannelsCreateProps", auth: true, body: []string{"!name", "members", "teams", "readOnly", "excludeSelf", "customFields", "extraData"}, run: createRoom("c", "channel")},
		{method: "GET", path: "rooms.info", schema: "isRoomsInfoProps", auth: true, query: []string{"roomId", "roomName"}, run: anyRoom},
		{method: "GET", path: "groups.info", schema: "isGroupsInfoProps", auth: true, query: []string{"roomId", "roomName"}, run: roomInfo("p", "group")},
		{method: "GET", path: "channels.info", auth: true, run: roomInfo("c", "channel")},
		{method: "POST", path: "groups.invite", schema: "isGroupsInviteProps", auth: true, body: []string{"roomId", "roomName", "userId", "username", "user", "userIds", "usernames"}, run: invite("p", "group")},
		{method: "POST", path: "channels.invite", auth: true, body: []string{"roomId", "roomName", "userId", "username", "user", "userIds", "usernames"}, run: invite("c", "channel")},
		{method: "POST", path: "channels.join", schema: "isChannelsJoinProps", auth: true, body: []string{"roomId", "roomName", "joinCode"}, run: joinChannel},
		{method: "GET", path: "groups.members", schema: "isGroupsMembersProps", auth: true, query: []string{"roomId", "roomName", "offset", "count", "filter", "status"}, run: members("p")},
		{method: "GET", path: "channels.members", auth: true, run: members("c")},
		{method: "POST", path: "groups.archive", schema: "isGroupsArchiveProps", auth: true, body: []string{"roomId", "roomName"}, run: archive("p")},
		{method: "POST", path: "channels.archive", schema: "isChannelsArchiveProps", auth: true, body: []string{"roomId", "roomName"}, run: archive("c")},
		{method: "POST", path: "groups.setTopic", schema: "isGroupsSetTopicProps", auth: true, body: []string{"roomId", "roomName", "!topic"}, run: setTopic("p")},
		{method: "POST", path: "channels.setTopic", auth: true, body: []string{"roomId", "roomName", "!topic"}, run: setTopic("c")},
		{method: "GET", path: "channels.history", schema: "isChannelsHistoryProps", auth: true, query: []string{"roomId", "roomName", "latest", "oldest", "inclusive", "unreads", "showThreadMessages", "count", "offset", "sort"}, run: history("cl")},
		{method: "GET", path: "groups.history", schema: "isGroupsHistoryProps", auth: true, query: []string{"roomId", "roomName", "latest", "oldest", "inclusive", "unreads", "showThreadMessages", "count", "offset", "sort"}, run: history("p")},
		{method: "GET", path: "subscriptions.get", schema: "isSubscriptionsGetProps", auth: true, query: []string{"updatedSince"}, run: subscriptions},
		{method: "GET", path: "rooms.get", auth: true, query: []string{"updatedSince"}, run: changedRooms},
		{method: "POST", path: "im.create", schema: "isDmCreateProps", auth: true, body: []string{"username", "usernames", "excludeSelf"}, run: createDirect},

		{method: "POST", path: "chat.sendMessage", schema: "isChatSendMessageProps", auth: true, body: []string{"!message", "previewUrls"}, run: sendMessage},
		{method: "POST", path: "chat.postMessage", schema: "isChatPostMessageProps", auth: true, body: []string{"roomId", "channel", "text", "alias", "emoji", "avatar", "attachments", "tmid", "parseUrls", "customFields"}, run: postMessage},
		{method: "POST", path: "chat.update", schema: "isChatUpdateProps", auth: true, body: []string{"!roomId", "!msgId", "text", "previewUrls", "customFields", "content", "e2eMentions"}, run: updateMessage},
		{method: "POST", path: "chat.delete", schema: "isChatDeleteProps", auth: true, body: []string{"msgId", "roomId", "fileId", "asUser"}, run: deleteMessage},
		{method: "POST", path: "chat.react", schema: "isChatReactProps", auth: true, body: []string{"emoji", "reaction", "!messageId", "shouldReact"}, run: reactMessage},
		{method: "GET", path: "chat.getMessage", schema: "isChatGetMessageProps", auth: true, query: []string{"!msgId"}, run: getMessage},
		{method: "POST", path: "chat.pinMessage", auth: true, body: []string{"!messageId"}, run: pin(true)},
		{method: "POST", path: "chat.unPinMessage", auth: true, body: []string{"!messageId"}, run: pin(false)},
		{method: "GET", path: "chat.syncMessages", schema: "isChatSyncMessagesProps", auth: true, query: []string{"!roomId", "lastUpdate", "fromTs", "count", "next", "previous", "type"}, run: syncMessages},
		{method: "GET", path: "chat.getThreadMessages", schema: "isChatGetThreadMessagesProps", auth: true, query: []string{"!tmid", "aroundId", "count", "offset", "sort"}, run: threadMessages},
		{method: "GET", path: "chat.syncThreadMessages", schema: "isChatSyncThreadMessagesProps", auth: true, query: []string{"!tmid", "!updatedSince", "count", "offset", "sort"}, run: syncThread},
		{method: "POST", path: "method.call/:method", auth: true, body: []string{"!message"}, run: methodCall},

		{method: "POST", path: "rooms.media/:rid", auth: true, run: roomMedia},
		{method: "POST", path: "rooms.mediaConfirm/:rid/:file", auth: true, body: []string{"msg", "description", "tmid", "groupable", "alias", "avatar", "emoji", "t", "content", "fileName", "customFields"}, run: confirmMedia},

		{method: "POST", path: "livechat/visitor", limit: 5, body: []string{"!visitor"}, run: registerVisitor},
		{method: "GET", path: "livechat/visitor/:token", run: getVisitor},
		{method: "GET", path: "livechat/visitor/:token/room", auth: true, perms: []string{"livechat-manager"}, run: visitorRooms},
		{method: "GET", path: "livechat/room", schema: "isGETLivechatRoomParams", limit: 5, run: getRoom},
		{method: "POST", path: "livechat/message", schema: "isPOSTLivechatMessageParams", body: []string{"!token", "!rid", "!msg", "_id", "agent"}, run: visitorSays},
		{method: "GET", path: "livechat/message/:id", schema: "isGETLivechatMessageIdParams", query: []string{"!token", "!rid"}, run: visitorMessage},
		{method: "PUT", path: "livechat/message/:id", schema: "isPUTLivechatMessageIdParams", body: []string{"!token", "!rid", "!msg"}, run: visitorMessage},
		{method: "DELETE", path: "livechat/message/:id", schema: "isDELETELivechatMessageIdParams", body: []string{"!token", "!rid", "count", "offset", "sort"}, run: visitorMessage},
		{method: "GET", path: "livechat/messages.history/:rid", schema: "isGETLivechatMessagesHistoryRidParams", query: []string{"searchText", "!token", "count", "offset", "sort", "ls", "end", "limit"}, run: visitorHistory},
		{method: "POST", path: "livechat/messages", schema: "isGETLivechatMessagesParams", auth: true, perms: manager, body: []string{"!visitor", "!messages"}, run: manyMessages},
		{method: "POST", path: "livechat/upload/:rid", run: visitorUpload},
		{method: "POST", path: "livechat/visitor/department.transfer", schema: "isPOSTLivechatVisitorDepartmentTransferParams", body: []string{"!token", "!rid", "!department"}, run: transferByVisitor},
		{method: "POST", path: "livechat/room.close", schema: "isPOSTLivechatRoomCloseParams", body: []string{"!token", "!rid"}, run: closeByVisitor},
		{method: "POST", path: "livechat/room.closeByUser", schema: "isPOSTLivechatRoomCloseByUserParams", auth: true, perms: manager, body: []string{"!rid", "comment", "tags", "generateTranscriptPdf", "transcriptEmail", "forceClose"}, run: closeByUser},
		{method: "POST", path: "livechat/room.forward", schema: "isLiveChatRoomForwardProps", auth: true, perms: manager, body: []string{"!roomId", "userId", "departmentId", "comment", "clientAction"}, run: forwardRoom},
		{method: "GET", path: "livechat/config", schema: "isGETLivechatConfigParams", query: []string{"token", "department", "businessUnit"}, run: livechatConfig},
		{method: "GET", path: "livechat/agent.info/:rid/:token", run: agentInfo},
		{method: "GET", path: "livechat/department", schema: "isGETLivechatDepartmentProps", auth: true, perms: manager, query: []string{"text", "onlyMyDepartments", "enabled", "excludeDepartmentId", "showArchived", "count", "offset", "sort", "query"}, run: departments},
		{method: "GET", path: "livechat/department/:id", schema: "isLivechatDepartmentIdProps", auth: true, perms: manager, query: []string{"onlyMyDepartments", "includeAgents"}, run: departmentInfo},
		{method: "GET", path: "livechat/users/agent", auth: true, perms: manager, run: agents},
		{method: "GET", path: "livechat/rooms", schema: "isGETLivechatRoomsParams", auth: true, perms: manager, query: []string{"count", "offset", "sort", "query", "fields", "createdAt", "customFields", "closedAt", "agents", "roomName", "departmentId", "open", "onhold", "queued", "tags", "units"}, run: livechatRooms},
	}
	return r
}
